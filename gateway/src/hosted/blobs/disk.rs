//! Every filesystem call. [`Real`] makes it; [`faulty::Faulty`] makes it, or fails it, in tests.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::SystemTime;

#[cfg(test)]
pub(crate) mod faulty;

/// The calls.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes a folder and those above it; one that exists is fine.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder that must not exist.
    fn make_new_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a new file for writing.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes all bytes at this place.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the file's bytes survive a power cut.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file a second name; never replaces what has it.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file another name, replacing what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder survive a power cut.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a file; false if it is gone already.
    fn remove(&self, path: &Path) -> io::Result<bool>;
    /// Removes a folder and what is in it.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// What is under this name, links not followed; nothing if nothing is.
    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>>;
    /// Reads what is there, possibly less than the buffer holds.
    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The names in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Notes that a file was kept now.
    fn touch(&self, path: &Path) -> io::Result<()>;
    /// Waits for a lock, which is held until the file is dropped. Makes the file.
    fn lock(&self, path: &Path, hold: Hold) -> io::Result<File>;
    /// Takes an exclusive lock, or nothing if another has it. Makes the file.
    fn try_lock(&self, path: &Path) -> io::Result<Option<File>>;
}

/// With whom a lock is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// With other shared ones.
    Shared,
    /// With nobody.
    Exclusive,
}

/// What the file system says of a name.
pub(crate) struct Stamp {
    pub(crate) is_file: bool,
    pub(crate) is_folder: bool,
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
}

/// The file system.
pub(crate) struct Real;

impl Disk for Real {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn make_new_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        Ok(if_there(fs::remove_file(path))?.is_some())
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(metadata) = if_there(fs::symlink_metadata(path))? else {
            return Ok(None);
        };
        Ok(Some(Stamp {
            is_file: metadata.is_file(),
            is_folder: metadata.is_dir(),
            length: metadata.len(),
            modified: metadata.modified()?,
        }))
    }

    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(path)?.map(|item| Ok(item?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.set_modified(SystemTime::now())
    }

    fn lock(&self, path: &Path, hold: Hold) -> io::Result<File> {
        let file = open_lock(path)?;
        loop {
            let locked = match hold {
                Hold::Shared => file.lock_shared(),
                Hold::Exclusive => file.lock(),
            };
            match locked {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                locked => return locked.map(|()| file),
            }
        }
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<File>> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Nothing where nothing is found.
pub(crate) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Whether a new name was not given because something has it.
pub(crate) fn is_taken(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AlreadyExists
}

/// Whether the file system may be one without hard links: Linux says EPERM or EOPNOTSUPP.
pub(crate) fn is_unlinkable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::PermissionDenied
    )
}

/// Hands over a file's bytes piece by piece, and says how many there were.
pub(crate) fn read_through(
    disk: &dyn Disk,
    file: &File,
    mut each: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let mut buffer = vec![0; 128 * 1024];
    let mut offset = 0;
    loop {
        match disk.read(file, &mut buffer, offset) {
            Ok(0) => return Ok(offset),
            Ok(count) => {
                each(&buffer[..count]);
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
