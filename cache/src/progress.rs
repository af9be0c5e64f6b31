//! What a fill and its followers share: how far the body is, its newest bytes, how it ended.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, watch};

use crate::blob::Hit;
use crate::entry::Meta;
use crate::error::Failed;

/// Newest bytes kept in memory for followers; older ones are read from the staging file.
const WINDOW: u64 = 1024 * 1024;
/// The same when the disk is broken: a follower further behind fails.
const WINDOW_BROKEN: u64 = 8 * 1024 * 1024;

/// Shared by one fill and all its followers. A follower is a receiver of `progress`.
pub(crate) struct Shared {
    pub(crate) progress: watch::Sender<Progress>,
    /// The furthest place that any follower has read to, for the pace when the disk is broken.
    furthest: AtomicU64,
    moved: Notify,
}

/// How far a fill is.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) begun: Option<(Meta, Option<u64>)>,
    pub(crate) ended: Option<Outcome>,
    pub(crate) window: Window,
    /// Bytes that followers may have.
    pub(crate) released: u64,
    /// The staging file and how many bytes in it are good.
    pub(crate) file: Option<(Arc<File>, u64)>,
}

/// How a fill ended.
pub(crate) enum Outcome {
    /// In the cache, or at least wholly at hand.
    Settled(Hit),
    /// Verified and given to the followers, but not kept: the disk is broken. Whoever read from
    /// the staging file can trust it unless its fsync failed.
    PassedThrough {
        file_is_good: bool,
    },
    Absent,
    Failed(Failed),
}

/// The newest bytes of a body.
#[derive(Default)]
pub(crate) struct Window {
    pieces: VecDeque<(u64, Bytes)>,
    end: u64,
}

impl Shared {
    pub(crate) fn new() -> Shared {
        let progress = watch::Sender::new(Progress::default());
        Shared {
            progress,
            furthest: AtomicU64::new(0),
            moved: Notify::new(),
        }
    }

    /// A follower has read to this place; `u64::MAX` when it takes any pace.
    pub(crate) fn reached(&self, position: u64) {
        if self.furthest.fetch_max(position, Ordering::AcqRel) < position {
            self.moved.notify_waiters();
        }
    }

    /// Waits until a follower is near, or all are gone. Without a disk to spill to, the writer
    /// must not run away from every follower.
    pub(crate) async fn wait_for_readers(&self, written: u64, held_back: u64) {
        let room = window_size(true, held_back);
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if written.saturating_sub(self.furthest.load(Ordering::Acquire)) < room {
                return;
            }
            tokio::select! {
                () = moved => {}
                () = self.progress.closed() => return,
            }
        }
    }
}

/// How many bytes the window keeps: always more than is held back.
pub(crate) fn window_size(broken: bool, held_back: u64) -> u64 {
    let size = if broken { WINDOW_BROKEN } else { WINDOW };
    size.max(held_back.saturating_mul(4))
}

impl Window {
    pub(crate) fn push(&mut self, piece: Bytes) {
        let start = self.end;
        self.end += piece.len() as u64;
        self.pieces.push_back((start, piece));
    }

    /// Drops the oldest pieces while at least `keep` bytes, and all from `floor` on, remain.
    pub(crate) fn trim(&mut self, keep: u64, floor: u64) {
        let from = self.end.saturating_sub(keep).min(floor);
        while let Some((start, piece)) = self.pieces.front() {
            if start + piece.len() as u64 > from {
                return;
            }
            self.pieces.pop_front();
        }
    }

    /// The bytes at a place, up to another, as far as one piece goes.
    pub(crate) fn at(&self, position: u64, limit: u64) -> Option<Bytes> {
        let after = self.pieces.partition_point(|(start, _)| *start <= position);
        let (start, piece) = self.pieces.get(after.checked_sub(1)?)?;
        let from = usize::try_from(position - start)
            .ok()
            .filter(|from| *from < piece.len())?;
        let to = usize::try_from(limit.saturating_sub(*start)).unwrap_or(usize::MAX);
        Some(piece.slice(from..to.min(piece.len()).max(from)))
    }

    /// The whole body, if the window still has its beginning.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        match (self.pieces.front(), self.pieces.len()) {
            (None, _) => (self.end == 0).then(Bytes::new),
            (Some((0, only)), 1) => Some(only.clone()),
            (Some((0, _)), _) => {
                let mut whole = BytesMut::with_capacity(usize::try_from(self.end).ok()?);
                self.pieces
                    .iter()
                    .for_each(|(_, piece)| whole.extend_from_slice(piece));
                Some(whole.freeze())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_what_it_has_and_forgets_the_oldest() {
        let mut window = Window::default();
        assert_eq!(window.whole(), Some(Bytes::new()));
        for piece in ["abc", "def", "ghi"] {
            window.push(Bytes::from(piece));
        }
        assert_eq!(window.whole().unwrap(), "abcdefghi");
        assert_eq!(window.at(4, 9).unwrap(), "ef");
        assert_eq!(window.at(0, 2).unwrap(), "ab");
        assert_eq!(window.at(9, 20), None);
        window.trim(3, 4);
        assert_eq!(
            (window.at(2, 9), window.at(3, 9).unwrap()),
            (None, "def".into())
        );
        assert_eq!(window.whole(), None);
        window.trim(3, 9);
        assert_eq!(
            (window.at(3, 9), window.at(6, 9).unwrap()),
            (None, "ghi".into())
        );
    }
}
