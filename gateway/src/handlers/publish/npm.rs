//! npm: `publish`, `deprecate`, `dist-tag`, `unpublish`, of npm, pnpm and both Yarns (protocols.md §1.7).

mod edits;

use std::io::{self, Read, Write as _};

use rules::{Digest, DigestAlgorithm, PackageName};
use serde_json::json;

use super::{
    authorised, blocking, committed, kept, not_outside, permitted, refused, stored, unavailable,
    undone, upload,
};
use crate::exchange::{Method, Reply};
use crate::failure::Failure;
use crate::handlers::Context;
use crate::handlers::trace::Trace;
use crate::hosted::{BlobError, Blobs, Staged, Staging, notes};
use crate::protocol::npm::hosted::{
    Broken, Contents, Decoded, FileBody, Problem, Publication, PublishLimits, PublishReader, Sink,
    TarballLimits, Upload, Write, contents, parse_write, tag_target,
};
use crate::state::{Mode, Status, StoredFile, Submission, VersionAddress};
use edits::{at_revision, edit, editable, unpublish};

const TARBALL: TarballLimits = TarballLimits {
    entries_max: 200_000,
    inflated_bytes_max: 4 << 30,
    path_depth_max: 64,
    manifest_bytes_max: 4 << 20,
};

/// A document without its tarball is never larger: the whole history of a large package, when it is edited.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

const CHUNK_BYTES: usize = 128 * 1024;

pub(super) async fn answer(
    context: &Context<'_>,
    trace: &mut Trace,
) -> Option<Result<Reply, Failure>> {
    let request = context.request;
    let is_write = ("write".to_owned(), "true".to_owned());
    // Without a token it is a question like any other.
    let is_known = request.headers.contains_key(http::header::AUTHORIZATION);
    if request.method == Method::Get && is_known && request.query.contains(&is_write) {
        return Some(editable(context, trace).await);
    }
    let write = parse_write(request.method, &context.route.rest)?;
    Some(match write {
        Ok(write) => changed(context, write, trace).await,
        Err(problem) => Err(told(&problem)),
    })
}

async fn changed(context: &Context<'_>, write: Write, trace: &mut Trace) -> Result<Reply, Failure> {
    match write {
        Write::Package { package } => put(context, &package, None, trace).await?,
        Write::Revision { package, revision } => {
            put(context, &package, Some(&revision), trace).await?;
        }
        Write::Unpublish { package, revision } => {
            authorised(context, &package, trace).await?;
            at_revision(context, &package, &revision).await?;
            unpublish(context, &package).await?;
        }
        // The version went with the document that came before this.
        Write::UnpublishFile { package, .. } => {
            authorised(context, &package, trace).await?;
        }
        Write::SetTag { package, tag } => {
            authorised(context, &package, trace).await?;
            let version = tag_target(&context.request.body).map_err(|problem| told(&problem))?;
            let state = &context.app.state;
            let place = address(context, &package, &version);
            if !state.set_tag(&place, &tag).await.map_err(unavailable)? {
                return Err(refused(
                    404,
                    format!("{package} {version} is not published here"),
                ));
            }
        }
        Write::RemoveTag { package, tag } => {
            authorised(context, &package, trace).await?;
            let state = &context.app.state;
            let removed = state.remove_tag(&context.route.repository, &package, &tag);
            removed.await.map_err(unavailable)?;
        }
    }
    context.app.shelf.refresh().await.map_err(unavailable)?;
    let status = match context.request.method {
        Method::Delete => 200,
        _ => 201,
    };
    Ok(Reply::full(
        status,
        "application/json",
        json!({ "ok": true }).to_string(),
    ))
}

fn address<'a>(
    context: &'a Context<'_>,
    package: &'a PackageName,
    version: &'a str,
) -> VersionAddress<'a> {
    VersionAddress {
        repository: &context.route.repository,
        package,
        version,
    }
}

/// `PUT` of a document: with a tarball a publication, without one a change of what is there.
async fn put(
    context: &Context<'_>,
    package: &PackageName,
    revision: Option<&str>,
    trace: &mut Trace,
) -> Result<(), Failure> {
    let principal = authorised(context, package, trace).await?;
    let limit = context.snapshot.limits.upload_bytes;
    let file = upload(context.request)?.open();
    let file = file.map_err(|error| Failure::Internal(error.to_string()))?;
    let blobs = context.app.shelf.blobs.clone();
    let (upload, tarball) = blocking(move || received(file, &blobs, limit)).await?;
    let Some(tarball) = tarball else {
        return edit(context, package, &upload, revision).await;
    };
    let decoded = Decoded {
        length: tarball.size,
        digests: digests(&tarball),
    };
    let publication = Publication::check(upload, decoded, package).map_err(|it| told(&it))?;
    permitted(context, package, Some(&publication.version), trace).await?;
    not_outside(context, package, &publication.version).await?;
    let blobs = context.app.shelf.blobs.clone();
    let of = package.clone();
    let (publication, contents, files) =
        blocking(move || checked(publication, &tarball, &of, &blobs)).await?;
    let note = notes::NpmVersion {
        manifest: publication.manifest,
        deprecated: publication.deprecated,
        unpacked: Some((contents.file_count, contents.unpacked_size)),
    };
    let submission = Submission {
        repository: context.route.repository.to_string(),
        package: package.clone(),
        version: publication.version,
        metadata: notes::write(&note),
        files,
        tags: publication.tags,
        publisher: Some(principal.name().to_owned()),
        at: context.request.received_at,
        mode: Mode::NewVersion,
        status: Status::Published,
    };
    committed(context, &submission).await
}

/// Reads the body; its tarball goes into a staging file on the way.
fn received(
    mut file: std::fs::File,
    blobs: &Blobs,
    limit: u64,
) -> Result<(Upload, Option<Staged>), Failure> {
    let mut reader = PublishReader::new(PublishLimits {
        document_bytes_max: DOCUMENT_BYTES_MAX,
        tarball_bytes_max: limit,
    });
    let mut tarball = Tarball {
        blobs,
        limit,
        staging: None,
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk);
        match read.map_err(|error| Failure::Internal(error.to_string()))? {
            0 => break,
            read => reader.push(&chunk[..read], &mut tarball).map_err(broken)?,
        }
    }
    let upload = reader.finish().map_err(|problem| told(&problem))?;
    let staged = tarball.staging.map(Staging::finish).transpose();
    Ok((upload, staged.map_err(|error| undone(&error))?))
}

/// Where the bytes of an attachment go.
struct Tarball<'a> {
    blobs: &'a Blobs,
    limit: u64,
    staging: Option<Staging>,
}

impl Sink for Tarball<'_> {
    fn begin(&mut self, _key: &str) -> io::Result<()> {
        self.staging = Some(self.blobs.stage(self.limit).map_err(io::Error::other)?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.staging {
            Some(staging) => staging.write_all(bytes),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broken(broken: Broken) -> Failure {
    match broken {
        Broken::Problem(problem) => told(&problem),
        Broken::Sink(error) => undone(&BlobError::of_write(error)),
    }
}

/// Whether the tarball holds what the document says; then its bytes are made durable.
fn checked(
    publication: Publication,
    tarball: &Staged,
    package: &PackageName,
    blobs: &Blobs,
) -> Result<(Publication, Contents, Vec<StoredFile>), Failure> {
    let file = tarball.reopen().map_err(|error| undone(&error))?;
    let contents = contents(io::BufReader::new(file), TARBALL).map_err(|it| told(&it))?;
    publication
        .agrees_with(package, &contents)
        .map_err(|it| told(&it))?;
    let mut files = Vec::with_capacity(publication.files.len());
    for file in &publication.files {
        let (staged, note) = match &file.body {
            FileBody::Decoded(_) => (None, notes::File::default()),
            FileBody::Text(text) => (Some(beside(blobs, text)?), notes::File::beside()),
        };
        let staged = staged.as_ref().unwrap_or(tarball);
        kept(blobs, staged)?;
        files.push(stored(staged, &file.name, notes::write(&note)));
    }
    Ok((publication, contents, files))
}

fn beside(blobs: &Blobs, text: &str) -> Result<Staged, Failure> {
    let written = || {
        let mut staging = blobs.stage(text.len() as u64)?;
        staging
            .write_all(text.as_bytes())
            .map_err(BlobError::of_write)?;
        staging.finish()
    };
    written().map_err(|error| undone(&error))
}

fn digests(staged: &Staged) -> Vec<Digest> {
    let stated = [
        (DigestAlgorithm::Sha1, &staged.sha1),
        (DigestAlgorithm::Sha512, &staged.sha512),
    ];
    let digest = |(algorithm, hex): (DigestAlgorithm, &String)| Digest::from_hex(algorithm, hex);
    stated.into_iter().filter_map(digest).collect()
}

fn told(problem: &Problem) -> Failure {
    refused(problem.status.code(), problem.sentence.clone())
}
