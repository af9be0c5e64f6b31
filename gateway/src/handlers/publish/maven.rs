//! Maven: `deploy` of Maven, Gradle and sbt (protocols.md §3.5): many PUTs, whose metadata makes one version of them.

use std::io::Read;

use rules::PackageName;

use super::{
    authorised, blocking, committed, kept, not_outside, permitted, refused, unavailable, undone,
    upload,
};
use crate::access::Principal;
use crate::exchange::{Method, Reply};
use crate::failure::Failure;
use crate::handlers::trace::Trace;
use crate::handlers::{Context, rejected};
use crate::hosted::{Place, Staged, documents};
use crate::protocol::ArtifactTarget;
use crate::protocol::maven::hosted::{
    Announcement, Answer, Checksum, Digests, FileWrite, Kind, MetadataPlace, MetadataWrite, Put,
    Refusal, Write, announcement, coordinates, parse_write,
};
use crate::state::{HostedPackage, Status};

/// A checksum, a POM or a list of versions is never larger.
const TEXT_BYTES_MAX: u64 = 16 << 20;

pub(super) async fn answer(
    context: &Context<'_>,
    trace: &mut Trace,
) -> Option<Result<Reply, Failure>> {
    if !matches!(context.request.method, Method::Put | Method::Delete) {
        return None;
    }
    let write = parse_write(context.request.method, &context.route.rest);
    Some(match write {
        Ok(Write::File(write)) => file(context, &write, trace).await,
        Ok(Write::Metadata(write)) => metadata(context, &write, trace).await,
        Err(rejection) => Err(rejected(&rejection)),
    })
}

/// One file. What is refused is remembered, so that the metadata which comes all the same is refused, too.
async fn file(
    context: &Context<'_>,
    write: &FileWrite,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let principal = authorised(context, &write.target.package, trace).await?;
    let taken = taken(context, write, &principal, trace).await;
    if let Err(failure) = &taken {
        let (place, now) = (
            place(context, write, &principal),
            context.request.received_at,
        );
        let refusal = Refusal::new(failure.status(), failure.sentence());
        let (name, _) = write.place();
        let building = &context.app.building;
        building.with(&place, now, |deployment| {
            deployment.refuse(&name, refusal, now)
        });
    }
    taken
}

async fn taken(
    context: &Context<'_>,
    write: &FileWrite,
    principal: &Principal,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let target = &write.target;
    permitted(context, &target.package, Some(&target.version), trace).await?;
    not_outside(context, &target.package, &target.version).await?;
    let place = place(context, write, principal);
    let hosted = hosted(context, &target.package).await?;
    refuse_closed(hosted.as_ref(), target)?;
    let files = documents::maven_digests(hosted.as_ref(), &target.version, &write.file_version);
    let now = context.request.received_at;
    let (name, checksum) = write.place();
    let building = &context.app.building;
    let answer = match checksum {
        Some(algorithm) => {
            let bytes = text(context).await?;
            let stated = Checksum {
                name: &name,
                algorithm,
                bytes: &bytes,
            };
            building.with(&place, now, |deployment| {
                deployment.check(stated, &files, now)
            })
        }
        None => {
            let (staged, kind) = arrived(context, write).await?;
            let put = Put {
                kind,
                name,
                size: staged.size,
                digests: digests(&staged),
            };
            building.with(&place, now, |deployment| deployment.put(put, &files, now))
        }
    };
    done(context, &place, answer.ok_or_else(full)?).await
}

/// A version that was put away takes no files, not even those that it had: its client would believe it is there.
fn refuse_closed(hosted: Option<&HostedPackage>, target: &ArtifactTarget) -> Result<(), Failure> {
    let mut versions = hosted.iter().flat_map(|hosted| &hosted.versions);
    match versions.find(|it| it.version == target.version) {
        Some(known) if !matches!(known.status, Status::Published | Status::Unfinished) => {
            let (package, version, status) = (&target.package, &target.version, known.status);
            let why = format!("{package} {version} is {status} here and can't be published again");
            Err(refused(409, why))
        }
        _ => Ok(()),
    }
}

fn full() -> Failure {
    refused(
        503,
        "as many versions as may be (limits.deployments) arrive already; try again",
    )
}

/// Which deployment a file belongs to.
fn place(context: &Context<'_>, write: &FileWrite, principal: &Principal) -> Place {
    Place {
        repository: context.route.repository.to_string(),
        package: write.target.package.clone(),
        version: write.target.version.clone(),
        file_version: write.file_version.clone(),
        principal: principal.name().to_owned(),
    }
}

/// Takes the uploaded bytes in; of a POM, its coordinates are those of its path.
async fn arrived(context: &Context<'_>, write: &FileWrite) -> Result<(Staged, Kind), Failure> {
    let path = upload(context.request)?.path().to_owned();
    let (blobs, write) = (context.app.shelf.blobs.clone(), write.clone());
    blocking(move || {
        let staged = blobs.adopt(&path).map_err(|error| undone(&error))?;
        let kind = match write.is_pom() {
            true => checked_pom(&staged, &write)?,
            false => Kind::Other,
        };
        kept(&blobs, &staged)?;
        Ok((staged, kind))
    })
    .await
}

fn checked_pom(staged: &Staged, write: &FileWrite) -> Result<Kind, Failure> {
    let file = staged.reopen().map_err(|error| undone(&error))?;
    let mut bytes = Vec::new();
    let read = file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Internal(error.to_string()))?;
    let pom = coordinates(&bytes)
        .map_err(|why| refused(400, format!("the POM can't be read: {}", why.0)))?;
    let package = &write.target.package;
    pom.check(package.namespace(), package.name(), &write.target.version)
        .map_err(|sentence| refused(400, sentence))?;
    Ok(Kind::Pom {
        alone: pom.is_alone(),
    })
}

fn digests(staged: &Staged) -> Digests {
    Digests {
        md5: staged.md5.clone(),
        sha1: staged.sha1.clone(),
        sha256: staged.sha256.clone(),
        sha512: staged.sha512.clone(),
    }
}

async fn text(context: &Context<'_>) -> Result<Vec<u8>, Failure> {
    let upload = upload(context.request)?;
    if upload.length() > TEXT_BYTES_MAX {
        return Err(refused(
            413,
            "a checksum or a list of versions is never so large",
        ));
    }
    let path = upload.path().to_owned();
    blocking(move || std::fs::read(path).map_err(|error| Failure::Internal(error.to_string())))
        .await
}

async fn hosted(
    context: &Context<'_>,
    package: &PackageName,
) -> Result<Option<HostedPackage>, Failure> {
    let hosted = context.app.state.hosted(&context.route.repository, package);
    hosted.await.map_err(unavailable)
}

async fn done(context: &Context<'_>, place: &Place, answer: Answer) -> Result<Reply, Failure> {
    match answer {
        Answer::Refused(refusal) => Err(refused(refusal.status, refusal.sentence)),
        Answer::Taken => Ok(Reply::empty(201)),
        Answer::Known => Ok(Reply::empty(200)),
        Answer::Commit => {
            let building = &context.app.building;
            if let Some(submission) = building.submission(place, context.request.received_at) {
                committed(context, &submission).await?;
                building.published(place, &submission);
            }
            Ok(Reply::empty(201))
        }
    }
}

/// The list of versions that a client puts at last: what it names becomes visible now.
async fn metadata(
    context: &Context<'_>,
    write: &MetadataWrite,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let package = match &write.place {
        MetadataPlace::Package(package) | MetadataPlace::Snapshot { package, .. } => {
            package.clone()
        }
        MetadataPlace::Group(group) => {
            PackageName::maven(group, group).map_err(|error| refused(400, error.to_string()))?
        }
    };
    let principal = authorised(context, &package, trace).await?;
    if write.checksum.is_some() {
        // The lists that are served are made here, and so are their checksums.
        return Ok(Reply::empty(201));
    }
    let bytes = text(context).await?;
    let announced = announcement(&write.place, &bytes)
        .map_err(|why| refused(400, format!("maven-metadata.xml can't be read: {}", why.0)))?;
    announce(context, &package, &principal, &announced).await
}

async fn announce(
    context: &Context<'_>,
    package: &PackageName,
    principal: &Principal,
    announced: &Announcement,
) -> Result<Reply, Failure> {
    let building = &context.app.building;
    let places = building.places(&context.route.repository, package, principal.name());
    let named = |place: &&Place| announced.names(&place.version, &place.file_version);
    let mut any = false;
    for place in places.iter().filter(named) {
        any = true;
        let hosted = hosted(context, package).await?;
        let files = documents::maven_digests(hosted.as_ref(), &place.version, &place.file_version);
        let now = context.request.received_at;
        let announced = building.with(place, now, |deployment| deployment.announce(&files, now));
        let answer = announced.ok_or_else(full)?;
        done(context, place, answer).await?;
    }
    // Nothing is on its way: it was published before, or the list names what others have.
    Ok(Reply::empty(if any { 201 } else { 200 }))
}
