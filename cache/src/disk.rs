//! Every filesystem call. [`Real`] makes it; [`faulty::Faulty`] makes it, or fails it, in tests.
//!
//! All calls block, except [`Disk::read_ready`]. The crate calls them on tokio's blocking pool.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::SystemTime;

#[cfg(test)]
pub(crate) mod faulty;

/// The calls.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes a folder and those above it; one that exists is fine.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a new file for reading and writing.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes all bytes at this place.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the file's bytes survive a power cut.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file its final name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder survive a power cut.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a file; one that is gone is fine.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// Length and time of last use.
    fn stamp(&self, file: &File) -> io::Result<Stamp>;
    /// Reads what is there, possibly less than the buffer holds.
    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Reads only what is in memory already; nothing if that would wait.
    fn read_ready(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>>;
    /// The names in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Notes that a file was used now.
    fn touch(&self, path: &Path) -> io::Result<()>;
}

/// What the file system says of a file.
pub(crate) struct Stamp {
    pub(crate) length: u64,
    pub(crate) used_at: SystemTime,
}

/// The file system.
pub(crate) struct Real;

impl Disk for Real {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn stamp(&self, file: &File) -> io::Result<Stamp> {
        let metadata = file.metadata()?;
        Ok(Stamp {
            length: metadata.len(),
            used_at: metadata.modified()?,
        })
    }

    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    #[cfg(target_os = "linux")]
    fn read_ready(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let mut buffers = [IoSliceMut::new(buffer)];
        match preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(Some(count)),
            // Not in memory, interrupted, or a file system without this call.
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_ready(&self, _: &File, _: &mut [u8], _: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(path)?.map(|item| Ok(item?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.set_modified(SystemTime::now())
    }
}

/// Fills the buffer, however short the single reads are; fails if the file ends before.
pub(crate) fn read_exact(
    disk: &dyn Disk,
    file: &File,
    mut buffer: &mut [u8],
    mut offset: u64,
) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = match disk.read(file, buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        offset += count as u64;
        buffer = &mut buffer[count..];
    }
    Ok(())
}

/// The file's bytes, if they are at most `max`.
pub(crate) fn read_whole(disk: &dyn Disk, file: &File, max: u64) -> io::Result<Vec<u8>> {
    let length = disk.stamp(file)?.length;
    let size = usize::try_from(length).ok().filter(|_| length <= max);
    let mut bytes = vec![0; size.ok_or(ErrorKind::FileTooLarge)?];
    read_exact(disk, file, &mut bytes, 0)?;
    Ok(bytes)
}
