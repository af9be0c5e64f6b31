//! The access log: one line a request on standard error, written by a thread of its own.
//!
//! A line costs its request a few hundred nanoseconds of formatting; the thread writes what has gathered every
//! [`PAUSE`]. When it falls behind by [`GATHERED_BYTES`], requests write for themselves: lines are never dropped, only a
//! killed process loses its last ones.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Outcome;
use crate::config::Log;

const PAUSE: Duration = Duration::from_millis(100);
const GATHERED_BYTES: usize = 1 << 20;
/// The longest target that a line carries, in bytes.
const TARGET_BYTES: usize = 256;

/// The log of one program.
pub struct AccessLog {
    form: Log,
    gathered: Arc<Gathered>,
}

#[derive(Default)]
struct Gathered {
    lines: Mutex<Vec<u8>>,
    is_some: Condvar,
}

impl AccessLog {
    /// Starts the writing thread.
    pub fn start(form: Log) -> io::Result<Self> {
        let gathered = Arc::new(Gathered::default());
        let writing = Arc::clone(&gathered);
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writing.write_for_ever())?;
        Ok(Self { form, gathered })
    }

    /// Adds the line of a finished request, if `PORTCULLIS_LOG` lets the target `access` through.
    pub fn add(&self, outcome: &Outcome) {
        if !tracing::enabled!(target: "access", tracing::Level::INFO) {
            return;
        }
        let mut lines = self.gathered.lock();
        let was_empty = lines.is_empty();
        match self.form {
            Log::Human => push_human(&mut lines, outcome),
            Log::Json => push_json(&mut lines, outcome),
        }
        if lines.len() >= GATHERED_BYTES {
            write_out(&mut lines);
        } else if was_empty {
            drop(lines);
            self.gathered.is_some.notify_one();
        }
    }

    /// Writes what is still gathered: the last thing a program does.
    pub fn finish(&self) {
        write_out(&mut self.gathered.lock());
    }
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self) {
        let mut writing = Vec::new();
        loop {
            let mut lines = self.lock();
            while lines.is_empty() {
                let woken = self.is_some.wait(lines);
                lines = woken.unwrap_or_else(PoisonError::into_inner);
            }
            drop(lines);
            thread::sleep(PAUSE);
            std::mem::swap(&mut *self.lock(), &mut writing);
            write_out(&mut writing);
        }
    }
}

/// A log that can't be written is no reason to stop serving.
fn write_out(lines: &mut Vec<u8>) {
    let _ = io::stderr().write_all(lines);
    lines.clear();
}

fn push_human(line: &mut Vec<u8>, outcome: &Outcome) {
    push_time(line, outcome.received_at);
    let target = cut(&outcome.target);
    // Writing to memory can't fail.
    let _ = writeln!(
        line,
        "  INFO access: request method={} path={target} status={} kind={} cache={} bytes={} complete={} \
         milliseconds={} client={} peer={}",
        outcome.method,
        outcome.status,
        outcome.kind.as_str(),
        outcome.cache.as_str(),
        outcome.bytes,
        outcome.complete,
        outcome.duration.as_millis(),
        outcome.client,
        outcome.peer,
    );
}

fn push_json(line: &mut Vec<u8>, outcome: &Outcome) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    push_time(line, outcome.received_at);
    let _ = write!(
        line,
        "\",\"level\":\"INFO\",\"target\":\"access\",\"method\":\"{}\",\"path\":",
        outcome.method
    );
    let _ = serde_json::to_writer(&mut *line, cut(&outcome.target));
    let _ = writeln!(
        line,
        ",\"status\":{},\"kind\":\"{}\",\"cache\":\"{}\",\"bytes\":{},\"complete\":{},\"milliseconds\":{},\
         \"client\":\"{}\",\"peer\":\"{}\"}}",
        outcome.status,
        outcome.kind.as_str(),
        outcome.cache.as_str(),
        outcome.bytes,
        outcome.complete,
        outcome.duration.as_millis(),
        outcome.client,
        outcome.peer,
    );
}

/// Targets are printable ASCII (`edge::target`), so every byte is a boundary.
fn cut(target: &str) -> &str {
    target.get(..TARGET_BYTES).unwrap_or(target)
}

/// `2026-11-22T07:24:17.289061Z` (RFC 3339). All but the fraction is made once a second.
fn push_time(line: &mut Vec<u8>, time: SystemTime) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            *text = rules::moment::show(time);
        }
        line.extend_from_slice(text.as_bytes());
    });
    let _ = write!(line, ".{:06}Z", since.subsec_micros());
}
