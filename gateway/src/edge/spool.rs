//! Uploads on their way into a file: bounded in size, in silence and in slowness.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::head::BadHead;
use super::reader::NoRequest;
use crate::bounds::Pace;
use crate::config::Limits;
use crate::exchange::{Landing, Upload};

/// An upload that arrives.
pub struct Spool {
    file: File,
    upload: Upload,
    written: u64,
    bytes_max: u64,
    pace: Pace,
}

impl Spool {
    /// A new file. `announced` is the length that the head promised, if it did.
    pub async fn new(
        landing: Landing,
        announced: Option<u64>,
        limits: &Limits,
    ) -> Result<Self, NoRequest> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let bytes_max = limits.upload_bytes;
        if announced.is_some_and(|length| length > bytes_max) {
            return Err(TOO_LARGE);
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = landing
            .folder
            .join(format!("upload-{}-{number}", std::process::id()));
        let file = File::create_new(&path)
            .await
            .map_err(|error| told(&error))?;
        Ok(Self {
            file,
            upload: Upload::new(path, 0, landing.turn),
            written: 0,
            bytes_max,
            pace: Pace::new(limits.minimum_rate),
        })
    }

    /// Adds what has arrived after so long a wait.
    pub async fn write(&mut self, bytes: &[u8], waited: Duration) -> Result<(), NoRequest> {
        self.written += bytes.len() as u64;
        if self.written > self.bytes_max {
            return Err(TOO_LARGE);
        }
        if !self.pace.keep(bytes.len() as u64, waited) {
            return Err(TOO_SLOW);
        }
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| told(&error))
    }

    /// The upload, whole.
    pub async fn finish(mut self) -> Result<Upload, NoRequest> {
        self.file.flush().await.map_err(|error| told(&error))?;
        let length = self.written;
        Ok(self.upload.with_length(length))
    }
}

/// The upload is larger than `upload_bytes`.
const TOO_LARGE: NoRequest = refused(413, "the upload is larger than upload_bytes");

/// The upload pauses longer than `upload_stall`, or drips.
pub const TOO_SLOW: NoRequest = refused(408, "the upload took too long");

const FULL: NoRequest = refused(507, "the gateway's disk is full; nothing was published");
const BROKEN: NoRequest = refused(
    500,
    "the gateway can't write to its disk; nothing was published",
);

const fn refused(status: u16, message: &'static str) -> NoRequest {
    NoRequest::Refused(BadHead { status, message })
}

fn told(error: &io::Error) -> NoRequest {
    tracing::error!(%error, "an upload can't be written");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        _ => BROKEN,
    }
}
