//! What repositories publish themselves, as listings and files see it.

use std::sync::Arc;

use rules::{Facts, Origin, Origins, Place};

use super::Context;
use super::artifact::{Found, admitted};
use super::trace::Trace;
use crate::failure::Failure;
use crate::hosted::{checksum, digests};
use crate::origin::{Artifact, Listing};
use crate::protocol::{ArtifactTarget, IndexTarget, Sidecar};
use crate::state::Status;

/// What a repository publishes itself.
pub(super) async fn listing(
    context: &Context<'_>,
    target: &IndexTarget,
    origin: &Origin,
) -> Result<Option<Listing>, Failure> {
    let (shelf, repository) = (&context.app.shelf, origin.repository());
    if shelf.is_empty() {
        return Ok(None);
    }
    let document = shelf.document(repository, target).await;
    let document = document.map_err(|error| Failure::State(error.to_string()))?;
    Ok(document.map(|shown| Listing::hosted(target, repository, &shown)))
}

/// The versions that are published here without being listed, each with the place of its repository in the search: what
/// a farther origin has of that name is not shown either, since it would not be served.
pub(super) async fn unlisted(
    context: &Context<'_>,
    origins: &Origins,
) -> Result<Vec<(usize, String)>, Failure> {
    let (shelf, mut versions) = (&context.app.shelf, Vec::new());
    if shelf.is_empty() {
        return Ok(versions);
    }
    let holding = |(_, origin): &(usize, &Origin)| matches!(origin.place(), Place::Holding);
    for (place, origin) in origins.iter().enumerate().filter(holding) {
        let of = shelf.unlisted(origin.repository(), origin.package()).await;
        let of = of.map_err(|error| Failure::State(error.to_string()))?;
        versions.extend(of.into_iter().map(|version| (place, version)));
    }
    Ok(versions)
}

/// What the repository publishes itself. An archived version is gone for everybody who asks here, whoever else has it.
pub(super) async fn file(
    context: &Context<'_>,
    origin: &Origin,
    target: &ArtifactTarget,
    trace: &mut Trace,
) -> Result<Option<Found>, Failure> {
    let found = context.app.shelf.find(origin.repository(), target).await;
    let Some(found) = found.map_err(|error| Failure::State(error.to_string()))? else {
        return Ok(None);
    };
    let gone = || Failure::Absent(format!("{} of {}", target.file, target.package));
    match found.status {
        Status::Published | Status::Unlisted => {}
        Status::Unfinished => return Ok(None),
        _ => return Err(gone()),
    }
    let facts = Facts {
        ours: true,
        ..Facts::default()
    };
    admitted(context, origin, target, &facts, trace)?;
    let stored = found.stored.ok_or_else(gone)?;
    if let Some(Sidecar::Checksum(algorithm) | Sidecar::SignatureChecksum(algorithm)) =
        target.sidecar
    {
        let checksum = checksum(&stored, algorithm).ok_or_else(gone)?;
        return Ok(Some(Found::Checksum(checksum.to_owned().into())));
    }
    let shelf = Arc::clone(context.app);
    let of = stored.clone();
    let opened = tokio::task::spawn_blocking(move || shelf.shelf.bytes(&of)).await;
    let opened = opened.map_err(|error| Failure::Internal(error.to_string()))?;
    let file = opened.map_err(|error| Failure::Internal(error.to_string()))?;
    let file = file.ok_or_else(|| {
        Failure::Internal(format!("the bytes of {} are missing", stored.filename))
    })?;
    let digests = digests(&stored);
    Ok(Some(Found::File(Artifact::hosted(
        file,
        stored.size,
        digests,
    ))))
}
