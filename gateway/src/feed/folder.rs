//! Records in a folder: every `.json` file, however deep within the bound.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::load::Intake;
use super::{FOLDER_DEPTH_MAX, FeedError};

/// Finds the files of a folder. Folders within that can't be listed are problems, the folder
/// itself is an error.
pub(super) fn find(folder: &Path, intake: &mut Intake<'_>) -> Result<(), FeedError> {
    let mut waiting = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if depth > FOLDER_DEPTH_MAX {
            return Err(FeedError::TooLarge {
                what: "folders within each other",
                bound: FOLDER_DEPTH_MAX as u64,
            });
        }
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        match entries {
            Ok(entries) => {
                for entry in entries {
                    let within = sort(&entry, intake)?;
                    waiting.extend(within.map(|within| (within, depth + 1)));
                }
            }
            Err(source) if depth == 0 => {
                return Err(FeedError::Folder {
                    path: folder,
                    source,
                });
            }
            Err(error) => intake.problem(&folder.to_string_lossy(), error.to_string()),
        }
    }
    Ok(())
}

/// Takes a file, or returns a folder. Hidden ones hold no records: a clone's history is large.
fn sort(entry: &DirEntry, intake: &mut Intake<'_>) -> Result<Option<PathBuf>, FeedError> {
    let name = entry.file_name();
    if name.as_encoded_bytes().starts_with(b".") {
        return Ok(None);
    }
    let path = entry.path();
    let kind = match entry.file_type() {
        Ok(kind) => kind,
        Err(error) => {
            intake.problem(&path.to_string_lossy(), error.to_string());
            return Ok(None);
        }
    };
    if kind.is_dir() {
        return Ok(Some(path));
    }
    let record = path
        .extension()
        .is_some_and(|extension| extension == "json");
    // Mounted configurations are links to files; a link to a folder could lead in a circle.
    if record && (kind.is_file() || path.is_file()) {
        match path.into_os_string().into_string() {
            Ok(path) => intake.file(path)?,
            Err(path) => {
                intake.problem(&path.to_string_lossy(), "the path is not UTF-8".to_owned())
            }
        }
    }
    Ok(None)
}
