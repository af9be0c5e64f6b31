//! A disk that fails on demand, and forgets on a power cut what was not synced.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{Disk, Real, Stamp};

/// Which fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// From this changing call on, everything fails; a write is torn in the middle.
    CrashAt(u64),
    NoSpace,
    SyncFails,
    /// Reads give one byte at a time and never at once.
    ShortReads,
}

pub(crate) struct Faulty {
    state: Mutex<State>,
}

struct State {
    fault: Fault,
    calls: u64,
    /// Files by inode whose bytes a power cut loses.
    unsynced: HashMap<u64, PathBuf>,
    /// Renames that a power cut undoes: from, to, and what was under `to`.
    renames: Vec<(PathBuf, PathBuf, Option<Vec<u8>>)>,
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Faulty {
        let (unsynced, renames) = (HashMap::new(), Vec::new());
        Faulty {
            state: Mutex::new(State {
                fault,
                calls: 0,
                unsynced,
                renames,
            }),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls
    }

    /// Leaves the folder as a power cut would. Both orders happen in life: names lost, or names
    /// kept over bytes that are lost.
    pub(crate) fn cut(&self, lose_names: bool) {
        let mut state = self.state.lock().unwrap();
        if lose_names {
            while let Some((from, to, old)) = state.renames.pop() {
                let _ = fs::rename(&to, &from);
                if let Some(old) = old {
                    fs::write(&to, old).unwrap();
                }
                state
                    .unsynced
                    .values_mut()
                    .filter(|path| **path == to)
                    .for_each(|path| {
                        path.clone_from(&from);
                    });
            }
        }
        for path in state.unsynced.values() {
            if let Ok(file) = File::options().write(true).open(path) {
                let length = file.metadata().unwrap().len();
                file.set_len(length / 2).unwrap();
            }
        }
    }

    fn change(&self) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        match state.fault {
            Fault::CrashAt(call) if state.calls >= call => Err(io::Error::other("crashed")),
            _ => Ok(state),
        }
    }

    fn look(&self) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        match state.fault {
            Fault::CrashAt(call) if state.calls >= call => Err(io::Error::other("crashed")),
            _ => Ok(()),
        }
    }
}

impl Disk for Faulty {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        // Not counted one by one: 512 of them would hide the calls that matter.
        self.look()?;
        Real.make_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut state = self.change()?;
        let file = Real.create(path)?;
        state
            .unsynced
            .insert(file.metadata()?.ino(), path.to_owned());
        Ok(file)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.change().map(|state| state.fault) {
            Err(error) => {
                let _ = file.write_all_at(&bytes[..bytes.len() / 2], offset);
                Err(error)
            }
            Ok(Fault::NoSpace) => Err(ErrorKind::StorageFull.into()),
            Ok(_) => Real.write(file, bytes, offset),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.change()?;
        if state.fault == Fault::SyncFails {
            return Err(io::Error::other("input/output error"));
        }
        state.unsynced.remove(&file.metadata()?.ino());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let old = fs::read(to).ok();
        Real.rename(from, to)?;
        state
            .unsynced
            .values_mut()
            .filter(|path| *path == from)
            .for_each(|path| {
                *path = to.to_owned();
            });
        state.renames.push((from.to_owned(), to.to_owned(), old));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?
            .renames
            .retain(|(_, to, _)| to.parent() != Some(path));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        state.renames.retain(|(_, to, _)| to != path);
        Real.remove(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.look()?;
        Real.open(path)
    }

    fn stamp(&self, file: &File) -> io::Result<Stamp> {
        self.look()?;
        Real.stamp(file)
    }

    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.look()?;
        let short = self.state.lock().unwrap().fault == Fault::ShortReads;
        let size = if short {
            buffer.len().min(1)
        } else {
            buffer.len()
        };
        Real.read(file, &mut buffer[..size], offset)
    }

    fn read_ready(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        self.look()?;
        if self.state.lock().unwrap().fault == Fault::ShortReads {
            return Ok(None);
        }
        Real.read_ready(file, buffer, offset)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.look()?;
        Real.list(path)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.look()?;
        Real.touch(path)
    }
}
