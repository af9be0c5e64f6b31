//! What a request did, told three ways from one record: metrics, access log, audit.

pub mod audit;
pub mod metrics;
pub mod outcome;

use std::sync::Arc;

use audit::Audit;
use metrics::Metrics;
pub use outcome::{Kind, Outcome};

/// The three views.
pub struct Observer {
    pub metrics: Arc<Metrics>,
    pub audit: Audit,
}

impl Observer {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            audit: Audit::default(),
        }
    }

    /// Records a finished request.
    pub fn record(&self, outcome: &Outcome) {
        self.metrics.request_done(outcome);
        outcome.log();
        if outcome.decision.is_some() {
            self.audit.record(outcome);
        }
    }
}
