//! The audit record: every decision that was not a plain allow, in the log and (the newest ones) at `/decisions`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::Outcome;

/// How many decisions the admin listener can show.
const KEPT: usize = 1000;

/// The newest decisions, newest last.
#[derive(Default)]
pub struct Audit {
    records: Mutex<VecDeque<(String, Value)>>,
    counter: AtomicU64,
}

impl Audit {
    /// A new decision id, unique in this process.
    pub fn next_id(&self) -> String {
        format!("{:x}", self.counter.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Logs and keeps the decision of an outcome.
    pub fn record(&self, outcome: &Outcome) {
        let Some(decided) = &outcome.decision else {
            return;
        };
        let package = outcome.package.as_ref().map(ToString::to_string);
        tracing::info!(
            target: "audit",
            decision = decided.id,
            verdict = decided.verdict,
            control = decided.control,
            group = decided.group,
            package = package.as_deref().unwrap_or_default(),
            version = outcome.version.as_deref().unwrap_or_default(),
            repository = outcome.repository.as_deref().unwrap_or_default(),
            client = outcome.client,
            mode = outcome.mode.as_str(),
            peer = %outcome.peer,
            reason = decided.sentence,
            "decision"
        );
        let time = epoch_seconds(outcome.received_at);
        let record = json!({
            "id": decided.id,
            "time": time,
            "verdict": decided.verdict,
            "control": decided.control,
            "group": decided.group,
            "ecosystem": outcome.ecosystem_label(),
            "package": package,
            "version": outcome.version,
            "repository": outcome.repository,
            "client": outcome.client,
            "mode": outcome.mode.as_str(),
            "peer": outcome.peer.ip().to_string(),
            "reason": decided.sentence,
        });
        let Ok(mut records) = self.records.lock() else {
            return;
        };
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back((decided.id.clone(), record));
    }

    /// All kept records, newest first.
    pub fn all(&self) -> Vec<Value> {
        let records = self.records.lock();
        records
            .map(|records| {
                records
                    .iter()
                    .rev()
                    .map(|(_, record)| record.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// One record by its id.
    pub fn find(&self, id: &str) -> Option<Value> {
        let records = self.records.lock().ok()?;
        records
            .iter()
            .find(|(each, _)| each == id)
            .map(|(_, record)| record.clone())
    }
}

/// Seconds since the epoch: what every log tool reads.
fn epoch_seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default()
}
