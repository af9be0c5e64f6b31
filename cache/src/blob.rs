//! Bodies: stored under their digest, read by range, never changed.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::disk::Disk;
use crate::entry::Entry;
use crate::error::{Attempt as _, Error};

/// The largest piece that a body is read in.
pub(crate) const PIECE_MAX: usize = 256 * 1024;

/// The largest part that is sent from a file at once.
const IN_FILE_MAX: u64 = 2 * 1024 * 1024;

/// An entry with a body, found in the cache. Keeps its file open: eviction does not cut it off.
#[derive(Clone)]
pub struct Hit {
    entry: Arc<Entry>,
    blob: Blob,
}

/// A body, or a range of it, read piece by piece.
pub struct Body {
    blob: Blob,
    position: u64,
    end: u64,
}

/// A part of a body, in its file.
pub struct InFile {
    /// The file, open for reading. Its own position is not used.
    pub file: Arc<File>,
    /// Where the part begins.
    pub offset: u64,
    /// In bytes, never 0.
    pub length: u64,
}

/// An open blob.
#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) source: Source,
    pub(crate) size: u64,
    pub(crate) disk: Arc<dyn Disk>,
}

/// Where a blob's bytes are.
#[derive(Clone)]
pub(crate) enum Source {
    Memory(Bytes),
    File(Arc<File>),
}

impl Hit {
    pub(crate) fn new(entry: Arc<Entry>, blob: Blob) -> Hit {
        Hit { entry, blob }
    }

    pub(crate) fn with_entry(&self, entry: Arc<Entry>) -> Hit {
        Hit {
            entry,
            blob: self.blob.clone(),
        }
    }

    /// What is remembered.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The body, from its beginning. Can be called again.
    pub fn body(&self) -> Body {
        Body {
            blob: self.blob.clone(),
            position: 0,
            end: self.blob.size,
        }
    }

    /// The whole body in memory, if it is at most `max` bytes.
    pub async fn bytes(&self, max: u64) -> Result<Bytes, Error> {
        if self.blob.size > max {
            return Err(Error::TooLarge {
                size: self.blob.size,
                max,
            });
        }
        if let Source::Memory(bytes) = &self.blob.source {
            return Ok(bytes.clone());
        }
        let mut body = self.body();
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next(PIECE_MAX).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for Hit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Hit").field(&self.entry).finish()
    }
}

impl Body {
    /// Only these bytes of what is left, counted from the current place; cut at the end.
    #[must_use]
    pub fn range(self, start: u64, end_exclusive: u64) -> Body {
        let place = |offset: u64| self.position.saturating_add(offset).min(self.end);
        let (position, end) = (place(start), place(end_exclusive.max(start)));
        Body {
            position,
            end,
            ..self
        }
    }

    /// How many bytes are left.
    pub fn len(&self) -> u64 {
        self.end - self.position
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the next byte in the whole body.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What is left, if it is in memory already.
    pub fn in_memory(&self) -> Option<Bytes> {
        let Source::Memory(bytes) = &self.blob.source else {
            return None;
        };
        let place = |offset: u64| usize::try_from(offset).ok();
        Some(bytes.slice(place(self.position)?..place(self.end)?))
    }

    /// The next part of the body as a place in its file, for `sendfile`: at most 2 MiB, which the
    /// kernel has been made to read before. `None` at the end, and for a body in memory.
    pub async fn next_in_file(&mut self) -> Result<Option<InFile>, Error> {
        let Source::File(file) = &self.blob.source else {
            return Ok(None);
        };
        let part = InFile {
            file: Arc::clone(file),
            offset: self.position,
            length: self.len().min(IN_FILE_MAX),
        };
        if part.length == 0 {
            return Ok(None);
        }
        warm(&self.blob.disk, &part).await?;
        self.position += part.length;
        Ok(Some(part))
    }

    /// The next piece, at most `budget` bytes and at most 256 KiB. A file shorter than its entry
    /// says is [`Error::Damaged`], never a silent end.
    pub async fn next(&mut self, budget: usize) -> Result<Option<Bytes>, Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let left = usize::try_from(self.len()).unwrap_or(usize::MAX);
        let size = budget.clamp(1, PIECE_MAX).min(left);
        let piece = match &self.blob.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(self.position).map_err(|_| Error::Damaged)?;
                bytes.slice(start..start + size)
            }
            Source::File(file) => read(&self.blob.disk, file, self.position, size).await?,
        };
        self.position += piece.len() as u64;
        Ok(Some(piece))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Body({}..{})", self.position, self.end)
    }
}

/// Reads a piece: at once if the kernel has it in memory, else on the blocking pool. May be
/// shorter than `size`, never empty.
pub(crate) async fn read(
    disk: &Arc<dyn Disk>,
    file: &Arc<File>,
    offset: u64,
    size: usize,
) -> Result<Bytes, Error> {
    let mut buffer = BytesMut::zeroed(size);
    let ready = disk
        .read_ready(file, &mut buffer, offset)
        .attempt("read a stored body")?;
    let count = match ready {
        Some(count) => count,
        None => {
            let (disk, file) = (disk.clone(), file.clone());
            let (back, result) = blocking(move || {
                let result = read_some(&*disk, &file, &mut buffer, offset);
                (buffer, result)
            })
            .await?;
            buffer = back;
            result.attempt("read a stored body")?
        }
    };
    if count == 0 {
        return Err(Error::Damaged);
    }
    buffer.truncate(count);
    Ok(buffer.freeze())
}

/// Makes the kernel read a part whose last byte is not in memory: a sender that may not wait would else wait for the
/// disk. Files are read from front to back, so the last byte tells; where it lies, the wait is short.
async fn warm(disk: &Arc<dyn Disk>, part: &InFile) -> Result<(), Error> {
    let last = part.offset + part.length - 1;
    let ready = disk.read_ready(&part.file, &mut [0], last);
    match ready.attempt("read a stored body")? {
        Some(1) => return Ok(()),
        Some(_) => return Err(Error::Damaged),
        None => {}
    }
    let (disk, file) = (disk.clone(), part.file.clone());
    let (mut offset, end) = (part.offset, part.offset + part.length);
    let read = move || {
        let mut buffer = vec![0; PIECE_MAX];
        while offset < end {
            match read_some(&*disk, &file, &mut buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => offset += count as u64,
            }
        }
        Ok(())
    };
    blocking(read).await?.attempt("read a stored body")
}

fn read_some(disk: &dyn Disk, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match disk.read(file, buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Runs something that blocks where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Stopped)
}
