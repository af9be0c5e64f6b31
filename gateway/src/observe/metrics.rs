//! Every metric, in one table. Label values come from closed sets: never a package name, a path or a token.

mod crossing;
mod knowing;

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use rules::{Ecosystem, Policy};

use knowing::Knowing;

use super::{Kind, Outcome};
use crate::origin::CacheOutcome;
use crate::origin::upstream::{Fault, Fetched};

/// The gateway's metrics.
pub struct Metrics {
    registry: Registry,
    serving: Serving,
    fetching: Fetching,
    keeping: Keeping,
    knowing: Knowing,
    crossing: crossing::Crossing,
    reloads: IntCounterVec,
    reload_successful: IntGauge,
}

/// What clients got.
struct Serving {
    requests: IntCounterVec,
    duration: HistogramVec,
    response_bytes: IntCounterVec,
    cache_requests: IntCounterVec,
    cache_bytes: IntCounterVec,
    decisions: IntCounterVec,
    audit_dropped: IntCounter,
    edge_refusals: IntCounterVec,
    /// By ecosystem (none, then `Ecosystem`'s order) and `Kind`: what most requests count, found once.
    found: [[OnceLock<Found>; KINDS]; ECOSYSTEMS],
}

const ECOSYSTEMS: usize = Ecosystem::ALL.len() + 1;
const KINDS: usize = Kind::Other as usize + 1;

/// The counters of a plain hit, without the search for their labels.
struct Found {
    ok: IntCounter,
    duration: Histogram,
    response_bytes: IntCounter,
    hits: IntCounter,
    hit_bytes: IntCounter,
    allowed: IntCounter,
}

impl Found {
    fn new(serving: &Serving, ecosystem: &str, kind: &str) -> Self {
        let (labels, hit) = ([ecosystem, kind], CacheOutcome::Hit.as_str());
        let allow = [ecosystem, "none", "allow"];
        Self {
            ok: serving
                .requests
                .with_label_values(&[ecosystem, kind, "200"]),
            duration: serving.duration.with_label_values(&labels),
            response_bytes: serving.response_bytes.with_label_values(&labels),
            hits: serving
                .cache_requests
                .with_label_values(&[ecosystem, kind, hit]),
            hit_bytes: serving.cache_bytes.with_label_values(&[hit]),
            allowed: serving.decisions.with_label_values(&allow),
        }
    }
}

/// What upstreams gave.
struct Fetching {
    requests: IntCounterVec,
    errors: IntCounterVec,
    duration: HistogramVec,
    weak_integrity: IntCounterVec,
}

/// What the cache holds.
struct Keeping {
    fills: IntGauge,
    entries: IntGauge,
    bytes: IntGauge,
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
        let reload_help = "1 if the last reload was taken.";
        let metrics = Self {
            serving: Serving::new(&table),
            fetching: Fetching::new(&table),
            keeping: Keeping::new(&table),
            knowing: Knowing::new(&table),
            crossing: crossing::Crossing::new(&table),
            reloads: table.counters("config_reloads_total", "Reloads tried.", &["result"]),
            reload_successful: table.gauge("config_last_reload_successful", reload_help),
            registry: table.registry,
        };
        metrics.reload_successful.set(1);
        metrics
    }
}

impl Serving {
    fn new(table: &Table) -> Self {
        let kinds = &["ecosystem", "kind"][..];
        let statuses = &["ecosystem", "kind", "status"][..];
        let outcomes = &["ecosystem", "kind", "outcome"][..];
        let verdicts = &["ecosystem", "control", "verdict"][..];
        let to_last_byte = "From request head to last byte of the reply.";
        let dropped = "Decisions that are in the log alone, since the state database fell behind.";
        let by_cache = "Answers by what the cache did.";
        let refused = "Requests refused before they were parsed whole.";
        Self {
            requests: table.counters("requests_total", "Requests answered.", statuses),
            duration: table.histograms("request_duration_seconds", to_last_byte, kinds),
            response_bytes: table.counters("response_bytes_total", "Body bytes sent.", kinds),
            cache_requests: table.counters("cache_requests_total", by_cache, outcomes),
            cache_bytes: table.counters("cache_bytes_total", "Body bytes sent.", &["outcome"]),
            decisions: table.counters("decisions_total", "Decisions by verdict.", verdicts),
            audit_dropped: table.counter("audit_dropped_total", dropped),
            edge_refusals: table.counters("edge_refusals_total", refused, &["status"]),
            found: Default::default(),
        }
    }
}

impl Fetching {
    fn new(table: &Table) -> Self {
        let results = &["ecosystem", "result"][..];
        let errors = &["ecosystem", "error"][..];
        let ecosystem = &["ecosystem"][..];
        let by_result = "Requests to upstreams by what came back.";
        let to_head = "From request to response head.";
        let weak = "Artifacts kept without a SHA-256 or stronger promise.";
        Self {
            requests: table.counters("upstream_requests_total", by_result, results),
            errors: table.counters("upstream_errors_total", "Upstream faults by kind.", errors),
            duration: table.histograms("upstream_duration_seconds", to_head, ecosystem),
            weak_integrity: table.counters("integrity_weak_total", weak, ecosystem),
        }
    }
}

impl Keeping {
    fn new(table: &Table) -> Self {
        let fills = "Downloads into the cache that run now.";
        let evictions = "Entries evicted for space since start.";
        Self {
            fills: table.gauge("cache_fills_in_flight", fills),
            entries: table.gauge("cache_entries", "Entries in the cache."),
            bytes: table.gauge("cache_size_bytes", "Bytes of bodies in the cache."),
            evictions: table.gauge("cache_evictions", evictions),
        }
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

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let opts = Opts::new(format!("portcullis_{name}"), help);
        #[expect(
            clippy::expect_used,
            reason = "names and labels are constants of this file"
        )]
        let metric = IntGaugeVec::new(opts, labels).expect("a legal metric");
        let _ = self.registry.register(Box::new(metric.clone()));
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        #[expect(clippy::expect_used, reason = "names are constants of this file")]
        let metric = IntCounter::new(format!("portcullis_{name}"), help).expect("a legal metric");
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
        let serving = &self.serving;
        let (ecosystem, kind) = (outcome.ecosystem_label(), outcome.kind.as_str());
        let row = outcome
            .ecosystem
            .map_or(0, |ecosystem| ecosystem as usize + 1);
        let found = &serving.found[row][outcome.kind as usize];
        let found = found.get_or_init(|| Found::new(serving, ecosystem, kind));
        if outcome.status == 200 {
            found.ok.inc();
        } else {
            let labels = [ecosystem, kind, &outcome.status.to_string()];
            serving.requests.with_label_values(&labels).inc();
        }
        found.duration.observe(outcome.duration.as_secs_f64());
        found.response_bytes.inc_by(outcome.bytes);
        if outcome.cache == CacheOutcome::Hit {
            found.hits.inc();
            found.hit_bytes.inc_by(outcome.bytes);
        } else {
            let cache = outcome.cache.as_str();
            let labels = [ecosystem, kind, cache];
            serving.cache_requests.with_label_values(&labels).inc();
            let bytes = serving.cache_bytes.with_label_values(&[cache]);
            bytes.inc_by(outcome.bytes);
        }
        if outcome.mode.is_intercepted() {
            let verdict = outcome
                .decision
                .as_ref()
                .map_or("allow", |decided| decided.verdict);
            self.crossing.request(outcome.mode, verdict);
        }
        match &outcome.decision {
            Some(decided) => {
                let labels = [ecosystem, decided.control, decided.verdict];
                serving.decisions.with_label_values(&labels).inc();
            }
            None if outcome.package.is_some() => found.allowed.inc(),
            None => {}
        }
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
                self.fetching
                    .errors
                    .with_label_values(&[ecosystem, fault.kind.as_str()])
                    .inc();
                "error"
            }
        };
        self.fetching
            .requests
            .with_label_values(&[ecosystem, label])
            .inc();
        self.fetching
            .duration
            .with_label_values(&[ecosystem])
            .observe(took.as_secs_f64());
    }

    /// Counts a decision that the audit trail had no room for.
    pub fn audit_dropped(&self) {
        self.serving.audit_dropped.inc();
    }

    /// Counts a request that was refused at the edge.
    pub fn edge_refused(&self, status: u16) {
        self.serving
            .edge_refusals
            .with_label_values(&[&status.to_string()])
            .inc();
    }

    /// Counts an artifact that was kept on the word of a weak digest, or none.
    pub fn weak_integrity(&self, ecosystem: Ecosystem) {
        self.fetching
            .weak_integrity
            .with_label_values(&[ecosystem.as_str()])
            .inc();
    }

    /// Counts a feed that was asked for news: `changed`, `unchanged` or `failed`.
    pub fn feed_polled(&self, result: &str) {
        self.knowing.feed_polls.with_label_values(&[result]).inc();
    }

    /// Counts a reload of the configuration.
    pub fn reloaded(&self, taken: bool) {
        self.reloads
            .with_label_values(&[if taken { "taken" } else { "refused" }])
            .inc();
        self.reload_successful.set(i64::from(taken));
    }

    /// The scrape (Prometheus text format 0.0.4).
    pub fn scrape(&self, stats: &cache::Stats, policy: &Policy) -> Vec<u8> {
        self.knowing.take_stock(policy);
        self.keeping.fills.set(as_gauge(stats.fills_in_flight));
        self.keeping.entries.set(as_gauge(stats.entries));
        self.keeping.bytes.set(as_gauge(stats.bytes));
        self.keeping.evictions.set(as_gauge(stats.evictions));
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics can't be encoded");
        }
        text
    }
}

fn as_gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
