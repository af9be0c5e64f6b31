//! What repositories publish themselves, as listings and files see it.

use std::collections::HashSet;
use std::sync::Arc;

use rules::{Facts, Origin};

use super::Context;
use super::artifact::{Found, admitted};
use super::index::Gathered;
use super::trace::Trace;
use crate::failure::Failure;
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
    Ok(document.map(|document| Listing::hosted(target, repository, document)))
}

/// The versions that were taken out of service here: what another origin has of that name is not shown either.
pub(super) async fn tombstones(
    context: &Context<'_>,
    gathered: &[Gathered],
) -> Result<HashSet<String>, Failure> {
    let mut dead = HashSet::new();
    for part in gathered.iter().filter(|_| !context.app.shelf.is_empty()) {
        let (repository, package) = (part.origin.repository(), part.origin.package());
        let versions = context.app.shelf.tombstones(repository, package).await;
        dead.extend(versions.map_err(|error| Failure::State(error.to_string()))?);
    }
    Ok(dead)
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
    if let Some(Sidecar::Checksum(algorithm) | Sidecar::SignatureChecksum(algorithm)) =
        target.sidecar
    {
        let checksum = found.checksum(algorithm).ok_or_else(gone)?;
        return Ok(Some(Found::Checksum(checksum.to_owned().into())));
    }
    let shelf = Arc::clone(context.app);
    let stored = found.stored.clone();
    let opened = tokio::task::spawn_blocking(move || shelf.shelf.bytes(&stored)).await;
    let opened = opened.map_err(|error| Failure::Internal(error.to_string()))?;
    let file = opened.map_err(|error| Failure::Internal(error.to_string()))?;
    let file = file.ok_or_else(|| {
        Failure::Internal(format!(
            "the bytes of {} are missing",
            found.stored.filename
        ))
    })?;
    let digests = found.digests();
    Ok(Some(Found::File(Artifact::hosted(
        file,
        found.stored.size,
        digests,
    ))))
}
