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
use crate::state::{Mode, Status, StatusChange, Submission, VersionAddress};

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
    let begun = is_unfinished(context, address).await?;
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
        // A version that one request makes is whole by it; to one that was begun, files are added.
        mode: if begun || !finishes {
            Mode::AddFiles
        } else {
            Mode::NewVersion
        },
        status: if finishes {
            Status::Published
        } else {
            Status::Unfinished
        },
    };
    committed(context, &submission).await?;
    if begun && finishes {
        publish(context, address).await?;
    }
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

async fn is_unfinished(context: &Context<'_>, address: &Address) -> Result<bool, Failure> {
    let (repository, version) = (&context.route.repository, address.version.as_deref());
    let hosted = context.app.state.hosted(repository, &address.package).await;
    let hosted = hosted.map_err(unavailable)?;
    let mut versions = hosted.iter().flat_map(|hosted| &hosted.versions);
    let found = versions.find(|it| Some(it.version.as_str()) == version);
    Ok(found.is_some_and(|found| found.status == Status::Unfinished))
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

/// Shows a version that was begun; one that is shown stays so.
async fn publish(context: &Context<'_>, address: &Address) -> Result<(), Failure> {
    let state = &context.app.state;
    let changed = state
        .set_status(&place(context, address), None, Status::Published)
        .await;
    match changed.map_err(unavailable)? {
        StatusChange::NotFound => Err(absent(address)),
        StatusChange::Mismatched(status) | StatusChange::NotAllowed(status) => {
            let (package, version) = (&address.package, address.version.as_deref());
            let version = version.unwrap_or_default();
            Err(refused(
                409,
                format!("{package} {version} is {status} here"),
            ))
        }
        StatusChange::Changed | StatusChange::Unchanged => {
            context.app.shelf.refresh().await.map_err(unavailable)
        }
    }
}

async fn deleted(
    context: &Context<'_>,
    address: &Address,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let principal: Principal = authorised(context, &address.package, trace).await?;
    let deleted = context
        .app
        .state
        .delete_version(&place(context, address))
        .await;
    if !deleted.map_err(unavailable)? {
        return Err(absent(address));
    }
    let (package, by) = (&address.package, principal.name());
    let version = address.version.as_deref().unwrap_or_default();
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
