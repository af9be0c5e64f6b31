//! A disk that fails on demand, and forgets on a power cut what was not synced.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Disk, Hold, Real, Stamp};

/// Which fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// From this call on, everything fails; a write is torn in the middle.
    CrashAt(u64),
    /// This one call fails with this error number; a write is torn in the middle.
    FailAt(u64, i32),
    /// The file system knows no hard links.
    NoLinks,
    /// Reads give one byte at a time.
    ShortReads,
}

/// EIO.
pub(crate) const BROKEN: i32 = 5;
/// ENOSPC.
pub(crate) const FULL: i32 = 28;
/// EPERM.
const NOT_PERMITTED: i32 = 1;

/// Clones are the same disk.
#[derive(Clone)]
pub(crate) struct Faulty {
    state: Arc<Mutex<State>>,
}

struct State {
    fault: Fault,
    calls: u64,
    /// By inode: the names of the files whose bytes a power cut loses.
    unsynced: HashMap<u64, Vec<PathBuf>>,
    /// Changed names that a power cut undoes.
    changes: Vec<Change>,
}

enum Change {
    Made(PathBuf),
    Renamed(PathBuf, PathBuf, Option<Vec<u8>>),
}

impl Change {
    fn name(&self) -> &Path {
        match self {
            Change::Made(path) | Change::Renamed(_, path, _) => path,
        }
    }

    fn undo(&self) {
        match self {
            Change::Made(path) if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            Change::Made(path) => fs::remove_file(path).unwrap(),
            // Renamed once more, and that is durable.
            Change::Renamed(_, to, _) if !to.exists() => {}
            Change::Renamed(from, to, old) => {
                fs::rename(to, from).unwrap();
                if let Some(old) = old {
                    fs::write(to, old).unwrap();
                }
            }
        }
    }
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Faulty {
        let (unsynced, changes) = (HashMap::new(), Vec::new());
        let state = State {
            fault,
            calls: 0,
            unsynced,
            changes,
        };
        Faulty {
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls
    }

    /// Notes a file that was written past this disk and not synced.
    pub(crate) fn wrote(&self, path: &Path) {
        let inode = fs::metadata(path).unwrap().ino();
        let mut state = self.state.lock().unwrap();
        state.unsynced.insert(inode, vec![path.to_owned()]);
    }

    /// Leaves the folder as a power cut would. Both orders happen in life: names lost, or names
    /// kept over bytes that are lost.
    pub(crate) fn cut(&self, lose_names: bool) {
        let mut state = self.state.lock().unwrap();
        for path in state.unsynced.values().flatten() {
            // A name that is gone again was removed, or is the old one of a rename.
            if let Ok(file) = File::options().write(true).open(path) {
                let length = file.metadata().unwrap().len();
                file.set_len(length / 2).unwrap();
            }
        }
        while let Some(change) = state.changes.pop() {
            if lose_names {
                change.undo();
            }
        }
    }

    fn call(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        match state.fault {
            Fault::CrashAt(call) if state.calls >= call => Err(io::Error::other("crashed")),
            Fault::FailAt(call, number) if state.calls == call => {
                Err(io::Error::from_raw_os_error(number))
            }
            _ => Ok(()),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.state.lock().unwrap().fault == fault
    }

    fn change(&self, change: Change) {
        self.state.lock().unwrap().changes.push(change);
    }

    /// The same unsynced bytes have another name too.
    fn named(&self, from: &Path, to: &Path) {
        let mut state = self.state.lock().unwrap();
        for names in state.unsynced.values_mut() {
            if names.iter().any(|name| name == from) {
                names.push(to.to_owned());
            }
        }
    }
}

impl Disk for Faulty {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        let missing: Vec<&Path> = path.ancestors().take_while(|one| !one.exists()).collect();
        Real.make_folder(path)?;
        for folder in missing.into_iter().rev() {
            self.change(Change::Made(folder.to_owned()));
        }
        Ok(())
    }

    fn make_new_folder(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Real.make_new_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.call()?;
        let file = Real.create(path)?;
        self.wrote(path);
        Ok(file)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.call() {
            let _ = file.write_all_at(&bytes[..bytes.len() / 2], offset);
            return Err(error);
        }
        Real.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.call()?;
        let inode = file.metadata()?.ino();
        self.state.lock().unwrap().unsynced.remove(&inode);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        if self.has(Fault::NoLinks) {
            return Err(io::Error::from_raw_os_error(NOT_PERMITTED));
        }
        Real.link(from, to)?;
        self.named(from, to);
        self.change(Change::Made(to.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        let old = fs::read(to).ok();
        Real.rename(from, to)?;
        self.named(from, to);
        self.change(Change::Renamed(from.to_owned(), to.to_owned(), old));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        let mut state = self.state.lock().unwrap();
        let elsewhere = |change: &Change| change.name().parent() != Some(path);
        state.changes.retain(elsewhere);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        self.call()?;
        let removed = Real.remove(path)?;
        let mut state = self.state.lock().unwrap();
        state.changes.retain(|change| change.name() != path);
        for names in state.unsynced.values_mut() {
            names.retain(|name| name != path);
        }
        Ok(removed)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        let mut state = self.state.lock().unwrap();
        let outside = |change: &Change| !change.name().starts_with(path);
        state.changes.retain(outside);
        Real.remove_tree(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.call()?;
        Real.open(path)
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        self.call()?;
        Real.stamp(path)
    }

    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.call()?;
        let short = self.has(Fault::ShortReads);
        let size = if short { 1 } else { buffer.len() };
        Real.read(file, &mut buffer[..size], offset)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        Real.list(path)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Real.touch(path)
    }

    fn lock(&self, path: &Path, hold: Hold) -> io::Result<File> {
        self.call()?;
        Real.lock(path, hold)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<File>> {
        self.call()?;
        Real.try_lock(path)
    }
}
