//! The cache's readers as bodies of a reply.

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

/// No body: of a file that is only known by its size.
pub struct Nothing;

impl Source for Nothing {
    fn next(&mut self) -> NextChunk<'_> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
