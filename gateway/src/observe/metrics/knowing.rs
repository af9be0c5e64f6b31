//! What the rules are judged with, as gauges: advisories, lists of popular names, exemptions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};
use rules::{Ecosystem, Policy};

use super::{Table, as_gauge};

/// What the rules are judged with.
pub(super) struct Knowing {
    advisories: IntGauge,
    newest_advisory: IntGauge,
    pub(super) feed_polls: IntCounterVec,
    exemptions: IntGauge,
    exemptions_ending: IntGauge,
    popular_names: IntGaugeVec,
    popular_dated: IntGaugeVec,
}

impl Knowing {
    pub(super) fn new(table: &Table) -> Self {
        let newest = "When the newest advisory was last changed; 0 without any.";
        Self {
            advisories: table.gauge("advisories", "Advisories in force or withdrawn."),
            newest_advisory: table.gauge("advisories_newest_timestamp_seconds", newest),
            feed_polls: table.counters("feed_polls_total", "Feeds asked for news.", &["result"]),
            exemptions: table.gauge("exemptions", "Exemptions that count now."),
            exemptions_ending: table.gauge("exemptions_ending", "Those that end within a day."),
            popular_names: table.gauges("popular_names", "Popular names known.", &["ecosystem"]),
            popular_dated: table.gauges(
                "popular_names_timestamp_seconds",
                "The date of the list of popular names; 0 without one.",
                &["ecosystem"],
            ),
        }
    }

    /// Sets the gauges to what a policy is judged with now.
    pub(super) fn take_stock(&self, policy: &Policy) {
        let advisories = policy.knowledge().advisories();
        self.advisories.set(as_gauge(advisories.len() as u64));
        self.newest_advisory.set(timestamp(advisories.newest()));
        for ecosystem in Ecosystem::PROXIED {
            let (popular, label) = (policy.knowledge().popular(ecosystem), [ecosystem.as_str()]);
            let names = as_gauge(popular.len() as u64);
            self.popular_names.with_label_values(&label).set(names);
            let date = timestamp(popular.dated());
            self.popular_dated.with_label_values(&label).set(date);
        }
        let now = SystemTime::now();
        let ends: Vec<Option<SystemTime>> = policy.exemptions().map(|it| it.until).collect();
        let count = ends.iter().filter(|end| end.is_none_or(|end| end > now));
        self.exemptions.set(as_gauge(count.count() as u64));
        let ending = ends.iter().flatten();
        let ending = ending.filter(|end| (now..now + DAY).contains(*end));
        self.exemptions_ending.set(as_gauge(ending.count() as u64));
    }
}

const DAY: Duration = Duration::from_secs(86_400);

fn timestamp(moment: Option<SystemTime>) -> i64 {
    let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
    as_gauge(since.map_or(0, |since| since.as_secs()))
}
