//! What an upload, a deletion or a finish does to a version, as a decision over its state.

use std::time::SystemTime;

use super::listing::{Asset, Release, Status};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The state was changed: keep it, and answer 201 (upload, finish) or 204 (deletion).
    Made,
    /// It is so already: 200.
    None,
}

/// Why nothing may be done: the status, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub status: u16,
    pub sentence: String,
}

/// More assets than a version can need.
const ASSETS_MAX: usize = 10_000;

/// Adds a file whose bytes arrived whole, with their digest verified.
pub fn put(release: &mut Release, asset: Asset) -> Result<Change, Conflict> {
    let (name, version) = (&asset.name, &release.version);
    match release.assets.iter().find(|known| known.name == *name) {
        Some(known) if known.sha256 == asset.sha256 => Ok(Change::None),
        Some(_) => Err(conflict(format!("{name} of {version} has other bytes"))),
        None if release.status != Status::Unfinished => Err(conflict(format!(
            "{version} is finished: publish {name} in a new version"
        ))),
        None if release.assets.len() >= ASSETS_MAX => Err(Conflict {
            status: 400,
            sentence: format!("{version} has {ASSETS_MAX} assets already"),
        }),
        None => {
            let place = release.assets.partition_point(|known| known.name < *name);
            release.assets.insert(place, asset);
            Ok(Change::Made)
        }
    }
}

/// Takes a file out of an unfinished version.
pub fn delete(release: &mut Release, name: &str) -> Result<Change, Conflict> {
    let place = release.assets.iter().position(|known| known.name == name);
    let Some(place) = place else {
        let sentence = format!("{} has no {name}", release.version);
        return Err(Conflict {
            status: 404,
            sentence,
        });
    };
    if release.status != Status::Unfinished {
        let sentence = format!("{} is finished: delete the whole version", release.version);
        return Err(conflict(sentence));
    }
    release.assets.remove(place);
    Ok(Change::Made)
}

/// Publishes a version; again, it is as it was.
pub fn finish(release: &mut Release, now: SystemTime) -> Result<Change, Conflict> {
    if release.status != Status::Unfinished {
        return Ok(Change::None);
    }
    if release.assets.is_empty() {
        let sentence = format!("{} has no assets to publish", release.version);
        return Err(conflict(sentence));
    }
    release.status = Status::Published;
    release.published = Some(now);
    Ok(Change::Made)
}

fn conflict(sentence: String) -> Conflict {
    Conflict {
        status: 409,
        sentence,
    }
}
