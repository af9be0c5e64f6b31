//! What a request did, told three ways from one record: metrics, access log, audit.

pub mod access;
pub mod audit;
pub mod metrics;
pub mod outcome;

use std::sync::Arc;

use access::AccessLog;
use audit::Audit;
use metrics::Metrics;
pub use outcome::{Kind, Outcome};

/// The three views.
pub struct Observer {
    pub metrics: Arc<Metrics>,
    pub audit: Audit,
    pub access: AccessLog,
}

impl Observer {
    pub fn new(metrics: Arc<Metrics>, access: AccessLog) -> Self {
        Self {
            metrics,
            audit: Audit::default(),
            access,
        }
    }

    /// Records a finished request.
    pub fn record(&self, outcome: &Outcome) {
        self.metrics.request_done(outcome);
        self.access.add(outcome);
        if outcome.decision.is_some() {
            self.audit.record(outcome);
        }
    }
}
