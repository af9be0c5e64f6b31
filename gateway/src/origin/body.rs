//! The cache's readers and hosted files as bodies of a reply.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

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

/// A file that was published here.
pub struct Published {
    pub file: Arc<File>,
    pub start: u64,
    pub end: u64,
}

impl Published {
    async fn piece(&mut self, takes_files: bool) -> Result<Option<Piece>, BodyBroken> {
        let (offset, length) = (self.start, self.end - self.start);
        if length == 0 {
            return Ok(None);
        }
        if takes_files {
            self.start = self.end;
            let file = Arc::clone(&self.file);
            return Ok(Some(Piece::File {
                file,
                offset,
                length,
            }));
        }
        let (file, most) = (
            Arc::clone(&self.file),
            length.min(READ_BYTES as u64) as usize,
        );
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; most];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        });
        let broken = |error: &dyn ToString| BodyBroken(error.to_string());
        let bytes = read.await.map_err(|error| broken(&error))?;
        let bytes = Bytes::from(bytes.map_err(|error| broken(&error))?);
        self.start += bytes.len() as u64;
        Ok(Some(Piece::Bytes(bytes)))
    }
}

impl Source for Published {
    fn next(&mut self, takes_files: bool) -> NextPiece<'_> {
        Box::pin(self.piece(takes_files))
    }
}
