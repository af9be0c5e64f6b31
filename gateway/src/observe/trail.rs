//! The audit trail in the state database: decisions are queued and written together by one task, off the way of requests.

use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::Outcome;
use crate::state::{AuditRecord, State};

/// How many decisions may wait to be written. More are in the log alone, and counted.
const QUEUED: usize = 10_000;
/// How many are written in one transaction.
const BATCH: usize = 500;
/// How often old ones are forgotten.
const PRUNED_EVERY: Duration = Duration::from_secs(3600);

/// The way into the trail.
pub struct Trail {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Record(Box<AuditRecord>),
    /// All before this is written when it is answered.
    Flush(oneshot::Sender<()>),
}

impl Trail {
    /// Starts the writing task, which keeps records for so long.
    pub fn start(state: State, kept: Duration) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED);
        tokio::spawn(write(waiting, state, kept));
        Self { queue }
    }

    /// Adds the decision of an outcome, if it had one that is about a package; false if the queue is full.
    pub fn add(&self, outcome: &Outcome) -> bool {
        match record(outcome) {
            None => true,
            Some(record) => self
                .queue
                .try_send(Message::Record(Box::new(record)))
                .is_ok(),
        }
    }

    /// Waits until everything added so far is written: one of the last things a program does.
    pub async fn finish(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

fn record(outcome: &Outcome) -> Option<AuditRecord> {
    let (decided, package) = (outcome.decision.as_ref()?, outcome.package.as_ref()?);
    Some(AuditRecord {
        at: outcome.received_at,
        principal: outcome.principal.clone(),
        client: outcome.peer.ip().to_string(),
        repository: outcome.repository.as_deref().unwrap_or_default().to_owned(),
        package: package.path(),
        version: outcome.version.clone(),
        verdict: decided.verdict.to_owned(),
        control: decided.control.to_owned(),
        group: decided.group.clone(),
        sentence: decided.sentence.clone(),
        observed: decided.verdict == "observe",
        mode: "registry".to_owned(),
    })
}

async fn write(mut waiting: mpsc::Receiver<Message>, state: State, kept: Duration) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut prune = tokio::time::interval(PRUNED_EVERY);
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut messages, BATCH) => {
                if count == 0 {
                    return;
                }
                write_batch(&state, &mut messages).await;
            }
            _ = prune.tick() => forget(&state, kept).await,
        }
    }
}

async fn write_batch(state: &State, messages: &mut Vec<Message>) {
    let (mut records, mut flushes) = (Vec::with_capacity(messages.len()), Vec::new());
    for message in messages.drain(..) {
        match message {
            Message::Record(record) => records.push(*record),
            Message::Flush(done) => flushes.push(done),
        }
    }
    if let Err(error) = state.record(&records).await {
        tracing::error!(%error, count = records.len(), "these decisions are in the log alone");
    }
    for done in flushes {
        let _ = done.send(());
    }
}

async fn forget(state: &State, kept: Duration) {
    let before = SystemTime::now().checked_sub(kept);
    if let Some(before) = before
        && let Err(error) = state.prune_audit(before).await
    {
        tracing::warn!(%error, "old decisions are still in the audit trail");
    }
}
