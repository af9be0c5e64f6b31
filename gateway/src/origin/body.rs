//! The cache's readers as bodies of a reply.

use crate::exchange::{BodyBroken, NextPiece, Piece, Source};

/// How much is read from disk at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A body that is complete on disk.
pub struct Kept(pub cache::Body);

impl Kept {
    async fn piece(&mut self, takes_files: bool) -> Result<Option<Piece>, cache::Error> {
        if !takes_files {
            return Ok(self.0.next(READ_BYTES).await?.map(Piece::Bytes));
        }
        let part = self.0.next_in_file().await?;
        Ok(part.map(|part| Piece::File {
            file: part.file,
            offset: part.offset,
            length: part.length,
        }))
    }
}

impl Source for Kept {
    fn next(&mut self, takes_files: bool) -> NextPiece<'_> {
        Box::pin(async move {
            let piece = self.piece(takes_files).await;
            piece.map_err(|error| BodyBroken(error.to_string()))
        })
    }
}

/// A body that is still arriving.
pub struct Growing(pub cache::Follower);

impl Source for Growing {
    fn next(&mut self, _takes_files: bool) -> NextPiece<'_> {
        Box::pin(async {
            let piece = self.0.next().await;
            piece
                .map(|bytes| bytes.map(Piece::Bytes))
                .map_err(|failed| BodyBroken(failed.detail.to_string()))
        })
    }
}
