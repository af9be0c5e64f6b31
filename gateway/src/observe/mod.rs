//! What a request did, told three ways from one record: metrics, access log, audit.

pub mod access;
pub mod audit;
pub mod metrics;
pub mod outcome;
pub mod trail;

use std::sync::Arc;

use access::AccessLog;
use audit::Audit;
use metrics::Metrics;
pub use outcome::{Kind, Outcome};
use trail::Trail;

/// The three views.
pub struct Observer {
    pub metrics: Arc<Metrics>,
    pub audit: Audit,
    pub access: AccessLog,
    pub trail: Trail,
}

impl Observer {
    pub fn new(metrics: Arc<Metrics>, access: AccessLog, trail: Trail) -> Self {
        Self {
            metrics,
            audit: Audit::default(),
            access,
            trail,
        }
    }

    /// Records a finished request.
    pub fn record(&self, outcome: &Outcome) {
        self.metrics.request_done(outcome);
        self.access.add(outcome);
        if outcome.decision.is_some() {
            self.audit.record(outcome);
            if !self.trail.add(outcome) {
                self.metrics.audit_dropped();
            }
        }
    }
}
