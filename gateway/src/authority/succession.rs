//! How an authority comes into force in place of another, or of none, in steps that may stop anywhere.
//!
//! Two files can't be replaced at once. So a successor is staged beside the authority in force, and the presence of
//! `successor.pem`, written last, says that it holds from now on:
//!
//! | step | | if it stops after it, in force is |
//! |---|---|---|
//! | 1 | `successor.key` is written | the predecessor |
//! | 2 | `successor-cross.pem`, signed by the predecessor, is written | the predecessor |
//! | 3 | `successor.pem` is written | the successor, with key and cross certificate as staged |
//! | 4 | `authority.pem` is copied to `previous.pem` | as before |
//! | 5 | `successor-cross.pem` becomes `authority-cross.pem` | as before |
//! | 6 | `successor.key` becomes `authority.key`: the predecessor's key is gone | as before |
//! | 7 | `successor.pem` becomes `authority.pem` | the successor |
//!
//! Each step is on disk before the next begins. Readers follow the table ([`in_force`]) and change nothing; the next
//! change goes the rest of the way first ([`finish`]), or throws away what was staged without `successor.pem`.

use super::AuthorityError;
use super::files::{Audience, Folder};

/// The files that belong to one authority.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) key: &'static str,
    pub(super) certificate: &'static str,
    pub(super) cross: Option<&'static str>,
}

/// What comes into force, in PEM.
pub(super) struct Successor {
    pub(super) key: String,
    pub(super) certificate: String,
    /// Signed by the predecessor, if there is one whose word still counts.
    pub(super) cross: Option<String>,
}

const IN_FORCE: Names = Names {
    key: "authority.key",
    certificate: "authority.pem",
    cross: Some(CROSS),
};

const CROSS: &str = "authority-cross.pem";
const PREVIOUS: &str = "previous.pem";
const STAGED_KEY: &str = "successor.key";
const STAGED_CERTIFICATE: &str = "successor.pem";
const STAGED_CROSS: &str = "successor-cross.pem";

type Staging = fn(&Folder, &Successor) -> Result<(), AuthorityError>;
type Placing = fn(&Folder) -> Result<(), AuthorityError>;

/// Steps 1 to 3.
const STAGING: [Staging; 3] = [stage_key, stage_cross, stage_certificate];

/// Steps 4 to 7. Each can be repeated.
const PLACING: [Placing; 4] = [keep_previous, place_cross, place_key, place_certificate];

/// Where the authority in force stands.
pub(super) fn in_force(folder: &Folder) -> Names {
    let mut names = IN_FORCE;
    if folder.holds(STAGED_CERTIFICATE) {
        names.certificate = STAGED_CERTIFICATE;
        if folder.holds(STAGED_KEY) {
            names.key = STAGED_KEY;
        }
        if folder.holds(STAGED_CROSS) {
            names.cross = Some(STAGED_CROSS);
        }
    }
    names.cross = names.cross.filter(|name| folder.holds(name));
    names
}

/// Goes the rest of the way of a succession that was interrupted after it held.
pub(super) fn finish(folder: &Folder) -> Result<(), AuthorityError> {
    if !folder.holds(STAGED_CERTIFICATE) {
        return Ok(());
    }
    PLACING.iter().try_for_each(|step| step(folder))
}

/// Puts an authority in force.
pub(super) fn install(folder: &Folder, successor: &Successor) -> Result<(), AuthorityError> {
    install_until(folder, successor, STAGING.len() + PLACING.len())
}

/// The first `steps` steps.
pub(super) fn install_until(
    folder: &Folder,
    successor: &Successor,
    steps: usize,
) -> Result<(), AuthorityError> {
    let staging = STAGING.iter().take(steps);
    staging
        .clone()
        .try_for_each(|step| step(folder, successor))?;
    let placing = PLACING.iter().take(steps - staging.len());
    placing.into_iter().try_for_each(|step| step(folder))
}

fn stage_key(folder: &Folder, successor: &Successor) -> Result<(), AuthorityError> {
    folder.write(STAGED_KEY, &successor.key, Audience::Owner)
}

/// Without a cross certificate there must be none of an earlier succession either: it would be taken for this one's.
fn stage_cross(folder: &Folder, successor: &Successor) -> Result<(), AuthorityError> {
    match &successor.cross {
        Some(cross) => folder.write(STAGED_CROSS, cross, Audience::All),
        None => {
            folder.remove(STAGED_CROSS)?;
            folder.remove(CROSS)
        }
    }
}

fn stage_certificate(folder: &Folder, successor: &Successor) -> Result<(), AuthorityError> {
    folder.write(STAGED_CERTIFICATE, &successor.certificate, Audience::All)
}

fn keep_previous(folder: &Folder) -> Result<(), AuthorityError> {
    if !folder.holds(IN_FORCE.certificate) {
        return folder.remove(PREVIOUS);
    }
    let previous = folder.text(IN_FORCE.certificate)?;
    folder.write(PREVIOUS, &previous, Audience::All)
}

fn place_cross(folder: &Folder) -> Result<(), AuthorityError> {
    folder.rename(STAGED_CROSS, CROSS)
}

fn place_key(folder: &Folder) -> Result<(), AuthorityError> {
    folder.rename(STAGED_KEY, IN_FORCE.key)
}

fn place_certificate(folder: &Folder) -> Result<(), AuthorityError> {
    folder.rename(STAGED_CERTIFICATE, IN_FORCE.certificate)
}
