//! How bodies and entries come to their final names: the order of the disk's calls is the promise.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::blob::{Hit, Source};
use crate::entry::Entry;
use crate::error::{Attempt as _, Error};
use crate::key::Key;
use crate::layout::Name;
use crate::shelf::{Found, Remembered, SMALL, STAGED, Shelf, moment};
use crate::spool::Spool;

impl Shelf {
    /// Gives a verified body its name, durably, and then its entry.
    pub(crate) fn commit(
        &self,
        entry: Entry,
        spool: &mut Spool,
        whole: Option<Bytes>,
    ) -> Result<Hit, Error> {
        let (name, size) = entry.blob().ok_or(Error::OutOfOrder)?;
        let refused = || Error::Disk {
            attempt: "sync",
            source: std::io::ErrorKind::Other.into(),
        };
        let (staged, file) = spool.finish().ok_or_else(refused)?;
        self.accounts().hold(name);
        let placed = self
            .place(name, &staged)
            .and_then(|()| self.write_entry(entry));
        self.let_go(name);
        let entry = placed?;
        self.accounts().note_verified(name);
        let source = match whole.filter(|_| size <= SMALL) {
            Some(body) => {
                self.small.insert(name, body.clone());
                Source::Memory(body)
            }
            None => {
                self.files.insert(name, file.clone());
                Source::File(file)
            }
        };
        Ok(Hit::new(entry, self.blob(source, size)))
    }

    /// A verified body that is only in memory.
    pub(crate) fn hit_in_memory(&self, entry: Entry, whole: Bytes) -> Hit {
        let size = whole.len() as u64;
        Hit::new(Arc::new(entry), self.blob(Source::Memory(whole), size))
    }

    fn place(&self, name: Name, staged: &Path) -> Result<(), Error> {
        {
            let _changes = self.changes();
            self.disk
                .rename(staged, &self.layout.blob(name))
                .attempt("name a blob")?;
        }
        self.disk
            .sync_folder(&self.layout.blob_folder(name.0[0]))
            .attempt("sync a folder")
    }

    /// Writes an entry under its key, replacing the one before.
    pub(crate) fn write_entry(&self, entry: Entry) -> Result<Arc<Entry>, Error> {
        let json = entry
            .encode()
            .map_err(std::io::Error::from)
            .attempt("write an entry")?;
        let staged = self.layout.staged(STAGED.fetch_add(1, Ordering::Relaxed));
        let written = self
            .disk
            .create(&staged)
            .and_then(|file| self.disk.write(&file, &json, 0));
        let entry = Arc::new(entry);
        let named = written.and_then(|()| {
            let _changes = self.changes();
            self.name_entry(&staged, &entry)
        });
        if named.is_err() {
            let _ = self.disk.remove(&staged);
        }
        named.attempt("write an entry")?;
        Ok(entry)
    }

    fn name_entry(&self, staged: &Path, entry: &Arc<Entry>) -> std::io::Result<()> {
        let name = entry.key.name();
        self.disk.rename(staged, &self.layout.entry(name))?;
        let unused = self.accounts().insert(name, entry.blob(), moment());
        self.entries
            .insert(name, Arc::new(Remembered::new(entry.clone(), moment())));
        self.remove_blob(unused);
        Ok(())
    }

    /// The same body under another key.
    pub(crate) fn link(&self, from: &Key, to: &Key) -> Result<bool, Error> {
        let Some(Found::Stored(hit)) = self.load(from) else {
            return Ok(false);
        };
        let entry = Entry {
            key: to.clone(),
            ..hit.entry().clone()
        };
        Ok(self.refer(entry)?.is_some())
    }

    /// Writes an entry to a blob that is there already; nothing if it has just been evicted.
    pub(crate) fn refer(&self, entry: Entry) -> Result<Option<Arc<Entry>>, Error> {
        let (name, _) = entry.blob().ok_or(Error::OutOfOrder)?;
        self.accounts().hold(name);
        // Held from here on; looked at only now.
        let exists = self.disk.open(&self.layout.blob(name)).is_ok();
        let written = if exists {
            self.write_entry(entry).map(Some)
        } else {
            Ok(None)
        };
        self.let_go(name);
        written
    }

    /// Ends a hold, and removes the blob if no entry came of it.
    fn let_go(&self, name: Name) {
        let _changes = self.changes();
        let unused = self.accounts().let_go(name);
        self.remove_blob(unused);
    }
}
