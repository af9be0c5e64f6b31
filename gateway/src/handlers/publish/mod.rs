//! Publishing and what belongs to it: who may, what is uploaded, whether it is what it says, and only then the record.
//!
//! The bytes are on the disk, synced, before the record is written; the record is one transaction. What is acknowledged
//! survives a power cut, and a version is there with all its files or not at all.

mod generic;
mod maven;
mod npm;
mod pypi;

use std::sync::Arc;

use rules::{Arrival, Ecosystem, Flags, Origin, PackageName, Place, Publish};

use super::evidence::index;
use super::gate::{self, allow};
use super::trace::Trace;
use super::{Context, origins};
use crate::access::Principal;
use crate::exchange::{Method, Reply, Request, Upload};
use crate::failure::Failure;
use crate::hosted::{BlobError, Blobs, Staged};
use crate::observe::Kind;
use crate::protocol::ArtifactTarget;
use crate::state::{Committed, Conflict, Right, StateError, StoredFile, Submission};

/// Answers a request that changes what is hosted, or that only those ask who are about to; `None` if it is another one.
pub async fn answer(context: &Context<'_>, trace: &mut Trace) -> Option<Result<Reply, Failure>> {
    match context.route.ecosystem {
        Ecosystem::Npm => npm::answer(context, trace).await,
        Ecosystem::Pypi => pypi::answer(context, trace).await,
        Ecosystem::Maven => maven::answer(context, trace).await,
        Ecosystem::Generic => generic::answer(context, trace).await,
    }
}

/// Whether a body of this request may be an upload: it is spooled into a file then.
pub fn takes_upload(ecosystem: Ecosystem, method: Method, first_segment: Option<&str>) -> bool {
    match ecosystem {
        // Below `/-/` are services and tags, whose bodies are small.
        Ecosystem::Npm => method == Method::Put && first_segment != Some("-"),
        Ecosystem::Pypi => method == Method::Post,
        Ecosystem::Maven | Ecosystem::Generic => method == Method::Put,
    }
}

/// Whether the rules let this package be published here.
async fn permitted(
    context: &Context<'_>,
    package: &PackageName,
    version: Option<&str>,
    trace: &mut Trace,
) -> Result<Publish, Failure> {
    trace.about(Kind::Publish, package, version);
    let repository = &context.route.repository;
    let record = context.app.state.package(repository, package).await;
    let flags = record
        .map_err(unavailable)?
        .map_or(Flags::DEFER, |record| record.flags);
    let policy = &context.snapshot.policy;
    let proof = policy
        .publish(package, repository, flags)
        .map_err(|reason| Failure::Refused(Box::new(reason)))?;
    if let Some(reason) = proof.observed() {
        trace.note_warning(reason, &context.app.observer.audit.next_id());
    }
    Ok(proof)
}

/// Whether this principal may change a package here: its tags, its marks, what is listed of it.
async fn authorised(
    context: &Context<'_>,
    package: &PackageName,
    trace: &mut Trace,
) -> Result<Principal, Failure> {
    let request = context.request;
    trace.about(Kind::Publish, package, None);
    let principal = gate::principal(context.app, &request.headers, request.received_at).await?;
    trace.by(principal.as_ref());
    allow(
        &context.route.repository,
        principal.as_ref(),
        Right::Publish,
        package,
    )?;
    principal.ok_or_else(|| gate::denied(crate::access::Denial::PublishNeedsToken))
}

/// Fails if a public registry that may be asked has this version: two of one name would be two things.
async fn not_outside(
    context: &Context<'_>,
    package: &PackageName,
    version: &str,
) -> Result<(), Failure> {
    let target = ArtifactTarget {
        package: package.clone(),
        version: version.to_owned(),
        file: String::new(),
        sidecar: None,
    };
    let origins = origins(context, package);
    for origin in origins.iter() {
        if !matches!(origin.place(), Place::External) {
            continue;
        }
        let key = (origin.repository().to_owned(), package.ecosystem());
        let Some(upstream) = context.snapshot.upstreams.get(&key) else {
            continue;
        };
        let index = index(context, origin, upstream, &target).await?;
        let is_it = |listed: &str| rules::same(package.ecosystem(), listed, version);
        if index.is_some_and(|index| index.versions.iter().any(|listed| is_it(&listed.version))) {
            return Err(refused(
                409,
                format!("{package} {version} is in the public registry; publish another version"),
            ));
        }
    }
    Ok(())
}

/// Runs what blocks, such as reading an archive or syncing a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::Internal(error.to_string()))?
}

/// The upload of a request.
fn upload(request: &Request) -> Result<&Upload, Failure> {
    let missing = || refused(411, "an upload has a body and says how long it is");
    request.upload.as_ref().ok_or_else(missing)
}

/// Makes bytes durable. The record that names them is still to be written.
fn kept(blobs: &Blobs, staged: &Staged) -> Result<(), Failure> {
    blobs
        .keep(staged)
        .map(|_| ())
        .map_err(|error| undone(&error))
}

fn stored(staged: &Staged, filename: &str, metadata: String) -> StoredFile {
    StoredFile {
        filename: filename.to_owned(),
        size: staged.size,
        sha256: staged.sha256.clone(),
        sha512: staged.sha512.clone(),
        sha1: staged.sha1.clone(),
        md5: staged.md5.clone(),
        metadata,
    }
}

/// Writes the record; from here on everybody sees the version. Equal bytes again are a success.
async fn committed(context: &Context<'_>, submission: &Submission) -> Result<(), Failure> {
    let shelf = &context.app.shelf;
    let committed = shelf.state.commit(submission).await.map_err(unavailable)?;
    match committed {
        Committed::Stored { .. } | Committed::Unchanged => {
            shelf.refresh().await.map_err(unavailable)
        }
        Committed::Conflict(conflict) => Err(refused(409, taken(submission, &conflict))),
    }
}

fn taken(submission: &Submission, conflict: &Conflict) -> String {
    let (package, version) = (&submission.package, &submission.version);
    match conflict {
        Conflict::File { filename } => {
            format!(
                "File already exists: {filename} was published with other bytes; use a new version"
            )
        }
        Conflict::Status(status) => {
            format!("{package} {version} is {status} here and can't be published again")
        }
        Conflict::Version => {
            format!("{package} {version} was published with other files; use a new version")
        }
    }
}

/// Notes that a package came from outside to the repository that was asked and to the one that has it, so that
/// publishing under its name is refused where the rules leave it open. What is known already is not noted again.
pub(super) fn note_arrival(context: &Context<'_>, origin: &Origin) {
    let (asked, connected) = (origin.asked(), origin.repository());
    let other = Some(connected).filter(|connected| *connected != asked);
    for repository in [Some(asked), other].into_iter().flatten() {
        if context
            .app
            .shelf
            .flags(repository, origin.package())
            .is_none()
        {
            ingested(context, origin.package().clone(), repository.to_owned());
        }
    }
}

fn ingested(context: &Context<'_>, package: PackageName, repository: String) {
    let (app, now) = (Arc::clone(context.app), context.request.received_at);
    tokio::spawn(async move {
        let arrived = app
            .state
            .arrived(&repository, &package, Arrival::Ingested, now);
        if let Err(error) = arrived.await {
            tracing::warn!(%error, %package, "where it came from is not remembered");
        }
    });
}

fn refused(status: u16, message: impl Into<String>) -> Failure {
    Failure::Rejected {
        status,
        message: message.into(),
    }
}

fn unavailable(error: StateError) -> Failure {
    Failure::State(error.to_string())
}

fn undone(error: &BlobError) -> Failure {
    tracing::error!(%error, "nothing was published");
    match error {
        BlobError::Full { .. } => refused(507, "the gateway's disk is full; nothing was published"),
        BlobError::TooLarge { .. } => refused(413, "the upload is larger than upload_bytes"),
        _ => Failure::Internal(error.to_string()),
    }
}
