//! Distribution files: the core metadata that stands in a wheel or a source distribution.
//!
//! Nothing is unpacked but that one file, and of a source distribution what stands before it; what
//! an archive claims of its sizes is never believed.

use std::io::{self, Read, Seek, SeekFrom};

use super::core_metadata::CoreMetadata;
use super::refused::Refused;
use super::upload::{Filetype, Upload};
use super::{tarred, zipped};

/// How much of an archive is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the metadata file, unpacked.
    pub metadata_bytes_max: u64,
    /// Of a source distribution, unpacked: all of it is stepped through.
    pub unpacked_bytes_max: u64,
    /// Files and folders in an archive.
    pub entries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            metadata_bytes_max: 4 << 20,
            unpacked_bytes_max: 2 << 30,
            entries_max: 100_000,
        }
    }
}

/// Why there is no metadata.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is not what it should be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The place where it is kept failed, which says nothing of the file.
    #[error("the uploaded file can't be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// A file that remembers that reading it failed, whatever became of the error on its way up.
pub(super) struct Watched<F> {
    file: F,
    failure: Option<io::Error>,
}

/// A stream that ends in an error where it goes over its bound.
pub(super) struct Bounded<R> {
    stream: R,
    left: u64,
    /// Whether it went over.
    pub over: bool,
}

/// The metadata of an uploaded file, which must be of the name and version that the upload states:
/// `METADATA` of a wheel (the binary distribution format), `PKG-INFO` of a source distribution.
pub fn metadata(
    file: impl Read + Seek,
    upload: &Upload,
    limits: &Limits,
) -> Result<CoreMetadata, ArchiveError> {
    let mut file = Watched {
        file,
        failure: None,
    };
    file.seek(SeekFrom::Start(0))?;
    let found = match upload.filetype {
        Filetype::Wheel => zipped::wheel(&mut file, upload, limits),
        Filetype::SdistZip => zipped::source(&mut file, upload, limits),
        Filetype::SdistTar => tarred::source(&mut file, upload, limits),
    };
    if let Some(failure) = file.failure {
        return Err(ArchiveError::Unreadable(failure));
    }
    let (bytes, place) = found?;
    Ok(CoreMetadata::read(bytes, upload, place)?)
}

/// Reads a file of an archive to its end.
pub(super) fn read_all(
    file: impl Read,
    limits: &Limits,
    bad: impl Fn(String) -> Refused,
) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    let limit = limits.metadata_bytes_max;
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    if bytes.len() as u64 > limit {
        let why = format!("the metadata of the file goes over the limit of {limit} bytes");
        return Err(Refused::too_large(why));
    }
    read.map_err(|error| bad(error.to_string()))?;
    Ok(bytes)
}

impl<R> Bounded<R> {
    pub fn new(stream: R, bytes_max: u64) -> Self {
        Self {
            stream,
            left: bytes_max,
            over: false,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => {
                self.over = true;
                Err(io::Error::other("goes over its limit"))
            }
        }
    }
}

impl<F> Watched<F> {
    fn watch<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failure = Some(io::Error::new(error.kind(), error.to_string()));
        }
        result
    }
}

impl<F: Read> Read for Watched<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.file.read(buffer);
        self.watch(result)
    }
}

impl<F: Seek> Seek for Watched<F> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let result = self.file.seek(place);
        // A place before the start is what an archive claims, not what a disk does.
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::InvalidInput) {
            return result;
        }
        self.watch(result)
    }
}
