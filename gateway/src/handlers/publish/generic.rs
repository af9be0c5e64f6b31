//! Generic packages: a file is put, and makes or completes a version.

use rules::DigestAlgorithm;

use super::{
    authorised, blocking, committed, kept, permitted, refused, stored, unavailable, undone, upload,
};
use crate::access::Principal;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::handlers::trace::Trace;
use crate::handlers::{Context, gate, rejected};
use crate::hosted::Staged;
use crate::protocol::generic::{Address, DigestFault, Write, parse_write, sha256};
use crate::state::{Edit, Edited, Mode, Status, StatusChange, Submission, VersionAddress};

pub(super) async fn answer(
    context: &Context<'_>,
    trace: &mut Trace,
) -> Option<Result<Reply, Failure>> {
    let request = context.request;
    if !gate::writes(request.method) {
        return None;
    }
    let write = parse_write(request.method, &context.route.rest, &request.query);
    Some(match write {
        Ok(Write::Upload { address, finishes }) => {
            uploaded(context, &address, finishes, trace).await
        }
        Ok(Write::Finish(address)) => finished(context, &address, trace).await,
        Ok(Write::Delete(address)) => deleted(context, &address, trace).await,
        Err(rejection) => Err(rejected(&rejection)),
    })
}

async fn uploaded(
    context: &Context<'_>,
    address: &Address,
    finishes: bool,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let (package, version) = (
        &address.package,
        address.version.as_deref().unwrap_or_default(),
    );
    let principal = authorised(context, package, trace).await?;
    permitted(context, package, Some(version), trace).await?;
    let staged = arrived(context).await?;
    let asset = address.asset.as_deref().unwrap_or_default();
    let submission = Submission {
        repository: context.route.repository.to_string(),
        package: package.clone(),
        version: version.to_owned(),
        metadata: "{}".to_owned(),
        files: vec![stored(&staged, asset, "{}".to_owned())],
        tags: Vec::new(),
        publisher: Some(principal.name().to_owned()),
        at: context.request.received_at,
        mode: if finishes {
            Mode::Finishes
        } else {
            Mode::AddFiles
        },
        status: if finishes {
            Status::Published
        } else {
            Status::Unfinished
        },
    };
    committed(context, &submission).await?;
    Ok(Reply::empty(201))
}

/// Takes the bytes in. What the client stated of them must be so.
async fn arrived(context: &Context<'_>) -> Result<Staged, Failure> {
    let stated = match sha256(&context.request.headers) {
        Ok(digest) => Some(digest.hex()),
        Err(DigestFault::Missing) => None,
        Err(fault) => return Err(refused(400, fault.to_string())),
    };
    let path = upload(context.request)?.path().to_owned();
    let blobs = context.app.shelf.blobs.clone();
    blocking(move || {
        let staged = blobs.adopt(&path).map_err(|error| undone(&error))?;
        if stated.is_some_and(|stated| stated != staged.sha256) {
            let algorithm = DigestAlgorithm::Sha256.as_str();
            let why = format!("the bytes that arrived have another {algorithm} than was stated");
            return Err(refused(400, why));
        }
        kept(&blobs, &staged)?;
        Ok(staged)
    })
    .await
}

async fn finished(
    context: &Context<'_>,
    address: &Address,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    authorised(context, &address.package, trace).await?;
    permitted(context, &address.package, address.version.as_deref(), trace).await?;
    publish(context, address).await?;
    Ok(Reply::empty(200))
}

/// Shows a version that was begun; one that is shown stays so, and one that was put away, too.
async fn publish(context: &Context<'_>, address: &Address) -> Result<(), Failure> {
    let (state, place) = (&context.app.state, place(context, address));
    let begun = Some(Status::Unfinished);
    let changed = state.set_status(&place, begun, Status::Published).await;
    match changed.map_err(unavailable)? {
        StatusChange::Changed => context.app.shelf.refresh().await.map_err(unavailable),
        StatusChange::Unchanged | StatusChange::Mismatched(Status::Published) => Ok(()),
        StatusChange::NotFound => Err(absent(address)),
        StatusChange::Mismatched(status) | StatusChange::NotAllowed(status) => {
            Err(put_away(address, status))
        }
    }
}

fn put_away(address: &Address, status: Status) -> Failure {
    let (package, version) = (&address.package, address.version.as_deref());
    let version = version.unwrap_or_default();
    refused(409, format!("{package} {version} is {status} here"))
}

async fn deleted(
    context: &Context<'_>,
    address: &Address,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let principal: Principal = authorised(context, &address.package, trace).await?;
    let (state, repository) = (&context.app.state, &context.route.repository);
    let hosted = state.hosted(repository, &address.package).await;
    let hosted = hosted
        .map_err(unavailable)?
        .ok_or_else(|| absent(address))?;
    let version = address.version.as_deref().unwrap_or_default();
    let known = hosted.versions.iter().find(|it| it.version == version);
    match known.map(|known| known.status) {
        None => return Err(absent(address)),
        // What an operator put away keeps its number.
        Some(status @ (Status::Archived | Status::Disposed)) => {
            return Err(put_away(address, status));
        }
        Some(_) => {}
    }
    let edits = [Edit::Delete { version }];
    let edited = state.edit(repository, &address.package, hosted.generation, &edits);
    if edited.await.map_err(unavailable)? != Edited::Done {
        return Err(refused(409, "the package was changed meanwhile; try again"));
    }
    let (package, by) = (&address.package, principal.name());
    tracing::info!(target: "audit", %package, version, by, "a version was deleted");
    context.app.shelf.refresh().await.map_err(unavailable)?;
    Ok(Reply::empty(204))
}

fn absent(address: &Address) -> Failure {
    let version = address.version.as_deref().unwrap_or_default();
    Failure::Absent(format!("{} {version}", address.package))
}

fn place<'a>(context: &'a Context<'_>, address: &'a Address) -> VersionAddress<'a> {
    VersionAddress {
        repository: &context.route.repository,
        package: &address.package,
        version: address.version.as_deref().unwrap_or_default(),
    }
}
