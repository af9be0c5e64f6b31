//! Which blobs there are, and the removal of those that nothing refers to any more.

use std::sync::Arc;
use std::time::SystemTime;

use super::BlobError;
use super::digests::{is_sha256, is_shelf};
use super::disk::Hold;
use super::error::Attempt as _;
use super::place::Place;

/// A blob as it lies on the disk; its bytes were not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
    /// When it was last kept.
    pub modified: SystemTime,
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many blobs.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

type List = Vec<Result<Listed, BlobError>>;

pub(super) fn list(
    place: &Arc<Place>,
) -> Result<impl Iterator<Item = Result<Listed, BlobError>> + use<>, BlobError> {
    let disk = &*place.disk;
    let shelves = disk.list(&place.blobs).attempt("list the blobs")?;
    let place = place.clone();
    let shelves = shelves.into_iter().filter(|shelf| is_shelf(shelf));
    Ok(
        shelves.flat_map(move |shelf| match list_shelf(&place, &shelf) {
            Ok(list) => list,
            Err(error) => vec![Err(error)],
        }),
    )
}

fn list_shelf(place: &Place, shelf: &str) -> Result<List, BlobError> {
    let names = place.disk.list(&place.blobs.join(shelf));
    let names = names.attempt("list the blobs")?;
    let names = names
        .into_iter()
        .filter(|name| is_sha256(name) && name.starts_with(shelf));
    Ok(names
        .filter_map(|name| look(place, name).transpose())
        .collect())
}

/// The blob of this name; nothing if it has just been removed.
fn look(place: &Place, sha256: String) -> Result<Option<Listed>, BlobError> {
    let stamp = place.disk.stamp(&place.blob(&sha256));
    let stamp = stamp.attempt("look at a blob")?;
    Ok(stamp.filter(|stamp| stamp.is_file).map(|stamp| Listed {
        sha256,
        size: stamp.length,
        modified: stamp.modified,
    }))
}

pub(super) fn collect(
    place: &Arc<Place>,
    mut in_use: impl FnMut(&str) -> bool,
    older_than: SystemTime,
) -> Result<Collected, BlobError> {
    let mut collected = Collected::default();
    for listed in list(place)? {
        let listed = listed?;
        if listed.modified >= older_than || in_use(&listed.sha256) {
            continue;
        }
        if remove_old(place, &listed.sha256, older_than)? {
            collected.count += 1;
            collected.bytes += listed.size;
        }
    }
    Ok(collected)
}

/// Removes a blob unless it was kept again since it was asked whether it is in use. The folder is
/// not synced: a name that a power cut brings back is whole, and collected next time.
fn remove_old(place: &Place, sha256: &str, older_than: SystemTime) -> Result<bool, BlobError> {
    let _lock = place.hold_names(Hold::Exclusive)?;
    match look(place, sha256.to_owned())? {
        Some(listed) if listed.modified < older_than => {
            let removed = place.disk.remove(&place.blob(sha256));
            removed.attempt("remove a blob")
        }
        _ => Ok(false),
    }
}
