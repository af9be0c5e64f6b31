//! The cache's readers as bodies of a reply.

use bytes::Bytes;

use crate::exchange::{BodyBroken, NextChunk, Source};

/// How much is read from disk at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A body that is complete on disk.
pub struct Kept(pub cache::Body);

impl Source for Kept {
    fn next(&mut self) -> NextChunk<'_> {
        Box::pin(async {
            self.0
                .next(READ_BYTES)
                .await
                .map_err(|error| BodyBroken(error.to_string()))
        })
    }
}

/// A body that is still arriving.
pub struct Growing(pub cache::Follower);

impl Source for Growing {
    fn next(&mut self) -> NextChunk<'_> {
        Box::pin(async {
            self.0
                .next()
                .await
                .map_err(|failed| BodyBroken(failed.detail.to_string()))
        })
    }
}

/// A body in memory, as a source; for ranges of small bodies.
pub struct Whole(pub Option<Bytes>);

impl Source for Whole {
    fn next(&mut self) -> NextChunk<'_> {
        let piece = self.0.take();
        Box::pin(std::future::ready(Ok(piece)))
    }
}
