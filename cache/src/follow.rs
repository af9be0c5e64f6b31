//! One client of a fill: reads the growing body at its own pace.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::blob::{self, Hit, PIECE_MAX};
use crate::disk::Disk;
use crate::entry::Meta;
use crate::error::Failed;
use crate::progress::{Outcome, Progress, Shared};

/// Follows one fill. Dropping it is leaving.
///
/// The end of what it asked for is given only after the fill was committed: of the whole body, and
/// likewise of a range, the last [`crate::Limits::held_back`] bytes wait, so that no client can
/// complete a reply that turns out wrong.
pub struct Follower {
    shared: Arc<Shared>,
    receiver: watch::Receiver<Progress>,
    disk: Arc<dyn Disk>,
    cursor: Cursor,
}

/// How a fill began, or that it is over already.
#[derive(Debug)]
pub enum Begun {
    /// The body is on its way: read it with [`Follower::next`].
    Started {
        /// What the caller's work said of it.
        meta: Meta,
        /// Its length, if announced.
        length: Option<u64>,
    },
    /// Committed or renewed already.
    Settled(Hit),
    /// There is no such thing.
    Absent,
}

/// Where a follower is.
#[derive(Clone, Copy)]
struct Cursor {
    position: u64,
    end: Option<u64>,
    held_back: u64,
    /// It was given bytes from the staging file.
    used_file: bool,
}

/// What a follower does next.
enum Step {
    Piece(Bytes),
    Staged(Arc<File>, usize),
    Stored(Hit),
    Done,
    Failed(Failed),
    /// Nothing yet; whether its own range's end is what it waits for.
    Wait {
        at_end: bool,
    },
}

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>, disk: Arc<dyn Disk>, held_back: u64) -> Follower {
        let receiver = shared.progress.subscribe();
        let cursor = Cursor {
            position: 0,
            end: None,
            held_back,
            used_file: false,
        };
        Follower {
            shared,
            receiver,
            disk,
            cursor,
        }
    }

    /// Waits until the fill has begun or ended.
    pub async fn head(&mut self) -> Result<Begun, Failed> {
        let known = |progress: &Progress| progress.begun.is_some() || progress.ended.is_some();
        let progress = self
            .receiver
            .wait_for(known)
            .await
            .map_err(|_| abandoned())?;
        match (&progress.ended, &progress.begun) {
            (Some(Outcome::Failed(failed)), _) => Err(failed.clone()),
            (Some(Outcome::Settled(hit)), _) => Ok(Begun::Settled(hit.clone())),
            (Some(Outcome::Absent), _) => Ok(Begun::Absent),
            (_, Some((meta, length))) => Ok(Begun::Started {
                meta: meta.clone(),
                length: *length,
            }),
            _ => Err(abandoned()),
        }
    }

    /// The next piece; nothing only after the fill was committed (or there is nothing: absent).
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failed> {
        loop {
            let step = self.cursor.step(&self.receiver.borrow_and_update());
            match step {
                Step::Piece(piece) => return Ok(Some(self.advance(piece))),
                Step::Staged(file, size) => {
                    let read = blob::read(&self.disk, &file, self.cursor.position, size).await;
                    self.cursor.used_file = true;
                    return Ok(Some(self.advance(read.map_err(|error| disk(&error))?)));
                }
                Step::Stored(hit) => {
                    let end = self.cursor.end.unwrap_or(u64::MAX);
                    let mut body = hit.body().range(self.cursor.position, end);
                    let piece = body.next(PIECE_MAX).await.map_err(|error| disk(&error))?;
                    return Ok(piece.map(|piece| self.advance(piece)));
                }
                Step::Done => return Ok(None),
                Step::Failed(failed) => return Err(failed),
                Step::Wait { at_end } => {
                    if at_end {
                        self.shared.reached(u64::MAX);
                    }
                    self.receiver.changed().await.map_err(|_| abandoned())?;
                }
            }
        }
    }

    /// Waits for the end, for a document that is needed whole: a hit, or nothing if absent.
    pub async fn settled(mut self) -> Result<Option<Hit>, Failed> {
        self.shared.reached(u64::MAX);
        let ended = self
            .receiver
            .wait_for(|progress| progress.ended.is_some())
            .await;
        match &ended.map_err(|_| abandoned())?.ended {
            Some(Outcome::Settled(hit)) => Ok(Some(hit.clone())),
            Some(Outcome::Absent) => Ok(None),
            Some(Outcome::PassedThrough { .. }) => Err(Failed::new(
                Failed::DISK,
                "the disk failed and the body is too large to hold",
            )),
            Some(Outcome::Failed(failed)) => Err(failed.clone()),
            None => Err(abandoned()),
        }
    }

    /// Leaves out the next `count` bytes.
    pub fn skip(&mut self, count: u64) {
        self.cursor.position = self.cursor.position.saturating_add(count);
    }

    /// Only these bytes of the body, counted from its beginning.
    pub fn range(&mut self, start: u64, end_exclusive: u64) {
        self.cursor.position = start;
        self.cursor.end = Some(end_exclusive.max(start));
    }

    fn advance(&mut self, piece: Bytes) -> Bytes {
        self.cursor.position += piece.len() as u64;
        self.shared.reached(self.cursor.position);
        piece
    }
}

impl Cursor {
    fn step(&self, progress: &Progress) -> Step {
        match &progress.ended {
            Some(Outcome::Failed(failed)) => return Step::Failed(failed.clone()),
            Some(Outcome::Settled(hit)) => return Step::Stored(hit.clone()),
            Some(Outcome::Absent) => return Step::Done,
            Some(Outcome::PassedThrough {
                file_is_good: false,
            }) if self.used_file => {
                return Step::Failed(Failed::new(Failed::DISK, "the disk failed under this body"));
            }
            Some(Outcome::PassedThrough { .. }) | None => {}
        }
        let over = progress.ended.is_some();
        // Until the commit, a range's last bytes are held back like a body's.
        let own = self.end.map_or(u64::MAX, |end| {
            if over {
                end
            } else {
                end.saturating_sub(self.held_back)
            }
        });
        let limit = progress.released.min(own);
        if self.position >= limit {
            let at_end = self.position >= own;
            return if over {
                Step::Done
            } else {
                Step::Wait { at_end }
            };
        }
        if let Some(piece) = progress.window.at(self.position, limit) {
            return Step::Piece(piece);
        }
        match &progress.file {
            Some((file, good)) if self.position < *good => {
                let left = limit.min(*good) - self.position;
                let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_MAX);
                Step::Staged(file.clone(), size)
            }
            _ => Step::Failed(Failed::new(
                Failed::DISK,
                "the disk failed and this client is late",
            )),
        }
    }
}

fn abandoned() -> Failed {
    Failed::new(Failed::ABANDONED, "abandoned")
}

fn disk(error: &crate::Error) -> Failed {
    Failed::new(Failed::DISK, &error.to_string())
}
