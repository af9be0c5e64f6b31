//! Exemptions that end: said in the log a day before, and when it has come to pass. They end by themselves.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rules::ExemptionNotice;

use crate::app::App;

const DAY: Duration = Duration::from_secs(86_400);
const LOOK: Duration = Duration::from_secs(60);

/// Announces until aborted.
pub async fn announce(app: Arc<App>) {
    let mut told = HashSet::new();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let (snapshot, now) = (app.snapshot.load_full(), SystemTime::now());
        for exemption in snapshot.policy.exemptions() {
            let Some(until) = exemption.until else {
                continue;
            };
            let has_ended = until <= now;
            let is_near = until <= now + DAY && until + DAY > now;
            if is_near && told.insert((exemption.group.to_owned(), until, has_ended)) {
                tell(&exemption, until, has_ended);
            }
        }
    }
}

fn tell(exemption: &ExemptionNotice<'_>, until: SystemTime, has_ended: bool) {
    let controls: Vec<&str> = exemption
        .controls
        .iter()
        .map(|each| each.as_str())
        .collect();
    let (group, controls) = (exemption.group, controls.join(", "));
    let until = format!("{}Z", rules::moment::show(until));
    let reason = exemption.reason.unwrap_or_default();
    let what = match has_ended {
        true => "an exemption has ended",
        false => "an exemption ends within a day",
    };
    tracing::warn!(target: "audit", group, controls, until, reason, "{what}");
}
