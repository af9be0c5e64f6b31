//! Finds the lockfiles of a folder by their names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::preflight::lockfile::{Error, Format};

/// How many folders deep [`Reach::Tree`] goes.
const DEPTH_MAX: usize = 32;

/// Folders that hold installed packages, not projects.
const SKIPPED: [&str; 5] = [
    "node_modules",
    "target",
    "venv",
    "__pycache__",
    "site-packages",
];

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The folder alone.
    Folder,
    /// The folder and all below it, without hidden folders, installed packages and links.
    Tree,
}

/// Lists the lockfiles of a folder, in order of their paths.
///
/// `bun.lockb` is listed too: reading it says how to make a text of it.
pub fn discover(folder: &Path, reach: Reach) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut pending = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        let unreadable = |source| Error::Unreadable {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() && Format::of_name(&path).is_some() {
                found.push(path);
            } else if reach == Reach::Tree && depth < DEPTH_MAX && is_searched(&path) {
                pending.push((path, depth + 1));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_searched(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let welcome = name.is_some_and(|name| !name.starts_with('.') && !SKIPPED.contains(&name));
    welcome && path.is_dir() && !path.is_symlink()
}
