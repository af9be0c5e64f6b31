//! Every metric, in one table. Label values come from closed sets: never a package name, a path or a token.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use rules::Ecosystem;

use super::Outcome;
use crate::origin::upstream::{Fault, Fetched};

/// The gateway's metrics.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    response_bytes: IntCounterVec,
    cache_requests: IntCounterVec,
    cache_bytes: IntCounterVec,
    decisions: IntCounterVec,
    upstream_requests: IntCounterVec,
    upstream_errors: IntCounterVec,
    upstream_duration: HistogramVec,
    edge_refusals: IntCounterVec,
    weak_integrity: IntCounterVec,
    reloads: IntCounterVec,
    reload_successful: IntGauge,
    fills: IntGauge,
    entries: IntGauge,
    store_bytes: IntGauge,
    evictions: IntGauge,
}

/// Seconds, from a memory hit to a client that waits for a slow upstream.
const BUCKETS: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0,
];

impl Default for Metrics {
    fn default() -> Self {
        let table = Table {
            registry: Registry::new(),
        };
        let by_kind = &["ecosystem", "kind"][..];
        let metrics = Self {
            requests: table.counters(
                "requests_total",
                "Requests answered.",
                &["ecosystem", "kind", "status"],
            ),
            duration: table.histograms(
                "request_duration_seconds",
                "From request head to last byte of the reply.",
                by_kind,
            ),
            response_bytes: table.counters(
                "response_bytes_total",
                "Body bytes sent to clients.",
                by_kind,
            ),
            cache_requests: table.counters(
                "cache_requests_total",
                "Storable answers by what the cache did.",
                &["ecosystem", "kind", "outcome"],
            ),
            cache_bytes: table.counters(
                "cache_bytes_total",
                "Body bytes sent by what the cache did.",
                &["outcome"],
            ),
            decisions: table.counters(
                "decisions_total",
                "Decisions by control and verdict.",
                &["ecosystem", "control", "verdict"],
            ),
            upstream_requests: table.counters(
                "upstream_requests_total",
                "Requests to upstreams by what came back.",
                &["ecosystem", "result"],
            ),
            upstream_errors: table.counters(
                "upstream_errors_total",
                "Upstream faults by kind.",
                &["ecosystem", "error"],
            ),
            upstream_duration: table.histograms(
                "upstream_duration_seconds",
                "From request to response head.",
                &["ecosystem"],
            ),
            edge_refusals: table.counters(
                "edge_refusals_total",
                "Requests refused before they were parsed whole.",
                &["status"],
            ),
            weak_integrity: table.counters(
                "integrity_weak_total",
                "Artifacts kept without a SHA-256 or stronger promise.",
                &["ecosystem"],
            ),
            reloads: table.counters(
                "config_reloads_total",
                "Attempts to reload the configuration.",
                &["result"],
            ),
            reload_successful: table.gauge(
                "config_last_reload_successful",
                "1 if the last reload was taken.",
            ),
            fills: table.gauge(
                "cache_fills_in_flight",
                "Downloads into the cache that run now.",
            ),
            entries: table.gauge("cache_entries", "Entries in the cache."),
            store_bytes: table.gauge("cache_size_bytes", "Bytes of bodies in the cache."),
            evictions: table.gauge("cache_evictions", "Entries evicted for space since start."),
            registry: table.registry,
        };
        metrics.reload_successful.set(1);
        metrics
    }
}

/// Registers rows. A row that can't be registered is a bug that the first scrape shows as a missing metric.
struct Table {
    registry: Registry,
}

impl Table {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let opts = Opts::new(format!("portcullis_{name}"), help);
        #[expect(
            clippy::expect_used,
            reason = "names and labels are constants of this file"
        )]
        let metric = IntCounterVec::new(opts, labels).expect("a legal metric");
        let _ = self.registry.register(Box::new(metric.clone()));
        metric
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let opts = HistogramOpts::new(format!("portcullis_{name}"), help).buckets(BUCKETS.to_vec());
        #[expect(
            clippy::expect_used,
            reason = "names and labels are constants of this file"
        )]
        let metric = HistogramVec::new(opts, labels).expect("a legal metric");
        let _ = self.registry.register(Box::new(metric.clone()));
        metric
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        #[expect(clippy::expect_used, reason = "names are constants of this file")]
        let metric = IntGauge::new(format!("portcullis_{name}"), help).expect("a legal metric");
        let _ = self.registry.register(Box::new(metric.clone()));
        metric
    }
}

impl Metrics {
    /// Counts a finished request.
    pub fn request_done(&self, outcome: &Outcome) {
        let (ecosystem, kind) = (outcome.ecosystem_label(), outcome.kind.as_str());
        let status = outcome.status.to_string();
        self.requests
            .with_label_values(&[ecosystem, kind, &status])
            .inc();
        self.duration
            .with_label_values(&[ecosystem, kind])
            .observe(outcome.duration.as_secs_f64());
        self.response_bytes
            .with_label_values(&[ecosystem, kind])
            .inc_by(outcome.bytes);
        let cache = outcome.cache.as_str();
        self.cache_requests
            .with_label_values(&[ecosystem, kind, cache])
            .inc();
        self.cache_bytes
            .with_label_values(&[cache])
            .inc_by(outcome.bytes);
        let (control, verdict) = match &outcome.decision {
            Some(decided) => (decided.control, decided.verdict),
            None if outcome.package.is_some() => ("none", "allow"),
            None => return,
        };
        self.decisions
            .with_label_values(&[ecosystem, control, verdict])
            .inc();
    }

    /// Counts an exchange with an upstream.
    pub fn upstream_done(
        &self,
        ecosystem: Ecosystem,
        result: &Result<Fetched, Fault>,
        took: Duration,
    ) {
        let ecosystem = ecosystem.as_str();
        let label = match result {
            Ok(Fetched::Body(_)) => "found",
            Ok(Fetched::NotModified(_)) => "not_modified",
            Ok(Fetched::Absent) => "not_found",
            Err(fault) => {
                self.upstream_errors
                    .with_label_values(&[ecosystem, fault.kind.as_str()])
                    .inc();
                "error"
            }
        };
        self.upstream_requests
            .with_label_values(&[ecosystem, label])
            .inc();
        self.upstream_duration
            .with_label_values(&[ecosystem])
            .observe(took.as_secs_f64());
    }

    /// Counts a request that was refused at the edge.
    pub fn edge_refused(&self, status: u16) {
        self.edge_refusals
            .with_label_values(&[&status.to_string()])
            .inc();
    }

    /// Counts an artifact that was kept on the word of a weak digest, or none.
    pub fn weak_integrity(&self, ecosystem: Ecosystem) {
        self.weak_integrity
            .with_label_values(&[ecosystem.as_str()])
            .inc();
    }

    /// Counts a reload of the configuration.
    pub fn reloaded(&self, taken: bool) {
        self.reloads
            .with_label_values(&[if taken { "taken" } else { "refused" }])
            .inc();
        self.reload_successful.set(i64::from(taken));
    }

    /// The scrape (Prometheus text format 0.0.4).
    pub fn scrape(&self, stats: &cache::Stats) -> Vec<u8> {
        let as_gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.fills.set(as_gauge(stats.fills_in_flight));
        self.entries.set(as_gauge(stats.entries));
        self.store_bytes.set(as_gauge(stats.bytes));
        self.evictions.set(as_gauge(stats.evictions));
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics can't be encoded");
        }
        text
    }
}
