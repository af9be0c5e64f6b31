//! Loading: one thread finds records, a few read them, each into an index of its own that is
//! joined at the end. What waits between them is bounded, so a feed is never in memory whole.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use rules::advisories::{AdvisoriesBuilder, Fault};

use super::inflate::{Inflater, Packing};
use super::osv::Record;
use super::{
    FEED_BYTES_MAX, Feed, FeedError, Problem, Problems, RECORD_BYTES_MAX, RECORDS_MAX, THREADS_MAX,
    archive, folder,
};

/// How much a batch holds before it is handed on.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_RECORDS: usize = 64;

/// How many batches may wait for each thread.
const BATCHES_WAITING: usize = 4;

/// Reads sources one after the other into one feed.
#[derive(Debug, Default)]
pub struct Loader {
    shard: Shard,
    records: usize,
    bytes: u64,
    bounds: Bounds,
}

/// How much all sources together may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) records: usize,
    pub(super) bytes: u64,
}

/// What one thread has read.
#[derive(Debug, Default)]
struct Shard {
    builder: AdvisoriesBuilder,
    problems: Problems,
    foreign: usize,
}

/// Where the finder of records puts them.
pub(super) struct Intake<'a> {
    batch: Batch,
    sender: SyncSender<Batch>,
    problems: Problems,
    records: usize,
    bytes: &'a AtomicU64,
    bounds: Bounds,
}

#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    origin: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The origin is a file's path.
    File,
    /// The bytes stand in the batch.
    Bytes(Range<usize>, Packing),
}

impl Loader {
    #[cfg(test)]
    pub(super) fn within(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Adds all `.json` files of a folder and the folders within; hidden ones are left out, and
    /// links to folders are not followed.
    pub fn folder(self, folder: &Path) -> Result<Self, FeedError> {
        self.run(|intake| folder::find(folder, intake))
    }

    /// Adds all `.json` files of a zip.
    pub fn zip(self, zip: impl Read + Seek) -> Result<Self, FeedError> {
        self.run(|intake| archive::find(zip, intake))
    }

    /// Adds one record from each line that is not blank.
    pub fn json_lines(self, mut lines: impl BufRead) -> Result<Self, FeedError> {
        self.run(|intake| {
            for number in 1_u64.. {
                let origin = format!("line {number}");
                let read = |buffer: &mut Vec<u8>| read_line(&mut lines, buffer);
                let read = intake.record(origin, Packing::Plain, read)?;
                if read.map_err(FeedError::Lines)? == 0 {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Adds one record.
    pub fn record(mut self, origin: &str, json: &[u8]) -> Result<Self, FeedError> {
        self.records += 1;
        self.bytes = self.bytes.saturating_add(json.len() as u64);
        self.bounds.check(self.records, self.bytes)?;
        if json.len() > RECORD_BYTES_MAX {
            self.shard.problems.push(too_large(origin));
        } else {
            self.shard.read(origin, json);
        }
        Ok(self)
    }

    /// Makes the feed; one without a record is an error, so that it never replaces a good one.
    pub fn finish(self) -> Result<Feed, FeedError> {
        let Shard {
            builder,
            problems,
            foreign,
        } = self.shard;
        if builder.is_empty() {
            return Err(FeedError::Empty);
        }
        Ok(Feed {
            records: builder.len(),
            advisories: builder.finish(),
            problems,
            foreign,
        })
    }

    fn run(
        mut self,
        find: impl FnOnce(&mut Intake<'_>) -> Result<(), FeedError>,
    ) -> Result<Self, FeedError> {
        let threads = thread::available_parallelism().map_or(1, |count| count.get());
        let threads = threads.min(THREADS_MAX);
        let bytes = AtomicU64::new(self.bytes);
        let (sender, receiver) = sync_channel(threads * BATCHES_WAITING);
        let receiver = Mutex::new(receiver);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..threads)
                .map(|_reader| scope.spawn(|| Shard::default().drain(&receiver, &bytes)))
                .collect();
            let mut intake = Intake {
                batch: Batch::default(),
                sender,
                problems: Problems::default(),
                records: self.records,
                bytes: &bytes,
                bounds: self.bounds,
            };
            let found = find(&mut intake).and_then(|()| intake.flush());
            self.records = intake.records;
            self.shard.problems.append(intake.problems);
            // The readers stop when nobody can send any more.
            drop(intake.sender);
            let joined = self.shard.join(readers);
            found.and(joined)
        })?;
        self.bytes = bytes.into_inner();
        self.bounds.check(self.records, self.bytes)?;
        Ok(self)
    }
}

impl Intake<'_> {
    /// Adds a file, to be opened by whoever reads it.
    pub(super) fn file(&mut self, origin: String) -> Result<(), FeedError> {
        self.push(origin, Content::File)
    }

    /// Adds a record that is at hand: `read` appends it to a buffer, nothing if there is none. If
    /// it fails, its error is returned and the record left out.
    pub(super) fn record<T>(
        &mut self,
        origin: String,
        packing: Packing,
        read: impl FnOnce(&mut Vec<u8>) -> io::Result<T>,
    ) -> Result<io::Result<T>, FeedError> {
        let start = self.batch.bytes.len();
        let outcome = read(&mut self.batch.bytes);
        let length = self.batch.bytes.len() - start;
        let used = self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        self.bounds
            .check(self.records, used.saturating_add(length as u64))?;
        if length > RECORD_BYTES_MAX {
            self.problems.push(too_large(&origin));
        }
        if outcome.is_err() || length > RECORD_BYTES_MAX || length == 0 {
            self.batch.bytes.truncate(start);
            return Ok(outcome);
        }
        self.push(origin, Content::Bytes(start..start + length, packing))?;
        Ok(outcome)
    }

    pub(super) fn problem(&mut self, origin: &str, message: String) {
        self.problems.push(Problem {
            origin: origin.to_owned(),
            field: String::new(),
            message,
        });
    }

    fn push(&mut self, origin: String, content: Content) -> Result<(), FeedError> {
        self.records += 1;
        self.bounds
            .check(self.records, self.bytes.load(Ordering::Relaxed))?;
        self.batch.pieces.push(Piece { origin, content });
        let full = self.batch.bytes.len() >= BATCH_BYTES;
        if full || self.batch.pieces.len() >= BATCH_RECORDS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FeedError> {
        let batch = std::mem::take(&mut self.batch);
        self.sender.send(batch).map_err(|_batch| FeedError::Stopped)
    }
}

impl Shard {
    /// Reads batches until there are no more.
    fn drain(mut self, receiver: &Mutex<Receiver<Batch>>, bytes: &AtomicU64) -> Self {
        let mut buffer = Vec::new();
        let mut inflater = Inflater::new();
        let next = || {
            let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
            receiver.recv()
        };
        while let Ok(batch) = next() {
            for Piece { origin, content } in &batch.pieces {
                let read = match content {
                    Content::File => self.read_file(origin, &mut buffer),
                    Content::Bytes(range, packing) => {
                        let packed = batch.bytes.get(range.clone()).unwrap_or_default();
                        self.read_packed(origin, packed, *packing, &mut inflater)
                    }
                };
                bytes.fetch_add(read as u64, Ordering::Relaxed);
            }
        }
        self
    }

    /// Each of these returns how many bytes it read.
    fn read_packed(
        &mut self,
        origin: &str,
        packed: &[u8],
        packing: Packing,
        inflater: &mut Inflater,
    ) -> usize {
        match inflater.unpack(packed, packing) {
            Ok(json) => self.read(origin, json),
            Err(message) => self.problem(origin, String::new(), message),
        }
        inflater.unpacked_bytes()
    }

    fn read_file(&mut self, origin: &str, buffer: &mut Vec<u8>) -> usize {
        buffer.clear();
        let read = File::open(origin).and_then(|file| read_bounded(file, buffer));
        match read {
            Ok(_) if buffer.len() > RECORD_BYTES_MAX => self.problems.push(too_large(origin)),
            Ok(_) => self.read(origin, buffer),
            Err(error) => self.problem(origin, String::new(), error.to_string()),
        }
        buffer.len()
    }

    fn read(&mut self, origin: &str, json: &[u8]) {
        let record = match Record::parse(json) {
            Ok(record) => record,
            Err(Fault { field, message }) => return self.problem(origin, field, message),
        };
        let mut faults = Vec::new();
        match record.advisory(is_withdrawn(origin), &mut faults) {
            Some(advisory) => faults.extend(self.builder.add(&advisory)),
            None => self.foreign += 1,
        }
        for Fault { field, message } in faults {
            self.problem(origin, field, message);
        }
    }

    fn problem(&mut self, origin: &str, field: String, message: String) {
        self.problems.push(Problem {
            origin: origin.to_owned(),
            field,
            message,
        });
    }

    fn join(&mut self, readers: Vec<ScopedJoinHandle<'_, Self>>) -> Result<(), FeedError> {
        let mut outcome = Ok(());
        for reader in readers {
            let Ok(shard) = reader.join() else {
                outcome = Err(FeedError::Stopped);
                continue;
            };
            self.problems.append(shard.problems);
            self.foreign += shard.foreign;
            if !self.builder.append(shard.builder) {
                outcome = Err(FeedError::TooLarge {
                    what: "bytes",
                    bound: u32::MAX.into(),
                });
            }
        }
        outcome
    }
}

/// Reads at most one byte more than a record may have.
pub(super) fn read_bounded(source: impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    source.take(RECORD_BYTES_MAX as u64 + 1).read_to_end(buffer)
}

/// Reads a line, nothing of a blank one; of one that is too long, enough to see that, and then
/// past the rest of it. Returns 0 at the end.
fn read_line(lines: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let start = buffer.len();
    let bound = RECORD_BYTES_MAX as u64 + 1;
    let read = lines.by_ref().take(bound).read_until(b'\n', buffer)?;
    if read as u64 == bound {
        if !buffer.ends_with(b"\n") {
            lines.skip_until(b'\n')?;
        }
    } else if buffer[start..].iter().all(u8::is_ascii_whitespace) {
        buffer.truncate(start);
    }
    Ok(read)
}

/// Whether a path lies in the collection's folder of records taken back.
fn is_withdrawn(origin: &str) -> bool {
    let mut folders = origin.rsplit('/').skip(1).peekable();
    while let Some(folder) = folders.next() {
        if folder == "withdrawn" && folders.peek() == Some(&"osv") {
            return true;
        }
    }
    false
}

fn too_large(origin: &str) -> Problem {
    Problem {
        origin: origin.to_owned(),
        field: String::new(),
        message: format!("has more than {RECORD_BYTES_MAX} bytes"),
    }
}

impl Bounds {
    fn check(self, records: usize, bytes: u64) -> Result<(), FeedError> {
        let (what, bound) = if records > self.records {
            ("records", self.records as u64)
        } else if bytes > self.bytes {
            ("bytes", self.bytes)
        } else {
            return Ok(());
        };
        Err(FeedError::TooLarge { what, bound })
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            records: RECORDS_MAX,
            bytes: FEED_BYTES_MAX,
        }
    }
}
