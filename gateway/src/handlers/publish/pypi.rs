//! PyPI: the upload of twine, uv and Poetry (protocols.md §2.7). A file is a publication of its own; the first one makes
//! the version.

use std::fs::File;
use std::io::{self, Read, Write as _};

use http::header;
use rules::Ecosystem;

use super::{
    authorised, blocking, committed, kept, not_outside, permitted, refused, stored, unavailable,
    undone, upload,
};
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::handlers::trace::Trace;
use crate::handlers::{Context, rejected};
use crate::hosted::{BlobError, Blobs, Staged, Staging, notes};
use crate::protocol::pypi::hosted::archive::{ArchiveError, Limits, metadata};
use crate::protocol::pypi::hosted::{
    ContentDigests, Event, Fields, FormLimits, Refused, Upload, UploadReader, parse_write,
};
use crate::state::{Mode, Status, StoredFile, Submission};

/// How much of an upload is read at once.
const CHUNK_BYTES: usize = 128 * 1024;

pub(super) async fn answer(
    context: &Context<'_>,
    trace: &mut Trace,
) -> Option<Result<Reply, Failure>> {
    let write = parse_write(context.request.method, &context.route.rest.segments)?;
    Some(match write {
        Ok(_) => uploaded(context, trace).await,
        Err(rejection) => Err(rejected(&rejection)),
    })
}

async fn uploaded(context: &Context<'_>, trace: &mut Trace) -> Result<Reply, Failure> {
    let content_type = context
        .request
        .field(header::CONTENT_TYPE)
        .unwrap_or_default();
    let limits = FormLimits {
        content_bytes_max: context.snapshot.limits.upload_bytes,
        ..FormLimits::default()
    };
    let reader = UploadReader::new(&content_type, limits).map_err(|refusal| told(&refusal))?;
    let file = upload(context.request)?.open();
    let file = file.map_err(|error| Failure::Internal(error.to_string()))?;
    let blobs = context.app.shelf.blobs.clone();
    let (fields, content) = blocking(move || received(reader, file, &blobs)).await?;
    let upload = Upload::check(&fields, &content.filename, &content.digests()?)
        .map_err(|refusal| told(&refusal))?;
    let principal = authorised(context, &upload.package, trace).await?;
    permitted(context, &upload.package, Some(&upload.version), trace).await?;
    not_outside(context, &upload.package, &upload.version).await?;
    let blobs = context.app.shelf.blobs.clone();
    let (upload, files) = blocking(move || checked(upload, &content, &blobs)).await?;
    let version = known_spelling(context, &upload).await?;
    let submission = Submission {
        repository: context.route.repository.to_string(),
        package: upload.package,
        version,
        metadata: "{}".to_owned(),
        files,
        tags: Vec::new(),
        publisher: Some(principal.name().to_owned()),
        at: context.request.received_at,
        mode: Mode::AddFiles,
        status: Status::Published,
    };
    committed(context, &submission).await?;
    Ok(Reply::full(200, "text/plain", ""))
}

/// The version as its first file spelt it: 1.0 and 1.0.0 are one (PEP 440).
async fn known_spelling(context: &Context<'_>, upload: &Upload) -> Result<String, Failure> {
    let hosted = context
        .app
        .state
        .hosted(&context.route.repository, &upload.package);
    let hosted = hosted.await.map_err(unavailable)?;
    let mut versions = hosted.iter().flat_map(|hosted| &hosted.versions);
    let known = versions.find(|it| rules::same(Ecosystem::Pypi, &it.version, &upload.version));
    Ok(known.map_or_else(|| upload.version.clone(), |known| known.version.clone()))
}

/// The file of a form.
struct Content {
    filename: String,
    staged: Staged,
}

impl Content {
    fn digests(&self) -> Result<ContentDigests, Failure> {
        let staged = &self.staged;
        let unreadable = || Failure::Internal("a digest of ours can't be read".to_owned());
        Ok(ContentDigests {
            sha256: bytes(&staged.sha256).ok_or_else(unreadable)?,
            blake2b_256: bytes(&staged.blake2b256).ok_or_else(unreadable)?,
            md5: bytes(&staged.md5).ok_or_else(unreadable)?,
        })
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if hex.len() != 2 * N {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Reads the form; its file goes into a staging file on the way.
fn received(
    mut reader: UploadReader,
    mut file: File,
    blobs: &Blobs,
) -> Result<(Fields, Content), Failure> {
    let mut content: Option<(String, Staging)> = None;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk);
        match read.map_err(|error| Failure::Internal(error.to_string()))? {
            0 => break,
            read => reader.push(&chunk[..read]),
        }
        while let Some(event) = reader.event().map_err(|refusal| told(&refusal))? {
            match (event, &mut content) {
                (Event::Begin(filename), _) => {
                    let staging = blobs.stage(u64::MAX).map_err(|error| undone(&error))?;
                    content = Some((filename, staging));
                }
                (Event::Bytes(bytes), Some((_, staging))) => written(staging, &bytes)?,
                (Event::Bytes(_), None) | (Event::End, _) => {}
            }
        }
    }
    let fields = reader.finish().map_err(|refusal| told(&refusal))?;
    let (filename, staging) = content.ok_or_else(|| refused(400, "the form has no file"))?;
    let staged = staging.finish().map_err(|error| undone(&error))?;
    Ok((fields, Content { filename, staged }))
}

fn written(staging: &mut Staging, bytes: &[u8]) -> Result<(), Failure> {
    let written = staging.write_all(bytes);
    written.map_err(|error| undone(&BlobError::of_write(error)))
}

/// Whether the archive is of the name and version that the form states; then all bytes are made durable.
fn checked(
    upload: Upload,
    content: &Content,
    blobs: &Blobs,
) -> Result<(Upload, Vec<StoredFile>), Failure> {
    let file = content.staged.reopen().map_err(|error| undone(&error))?;
    let core = metadata(io::BufReader::new(file), &upload, &Limits::default());
    let core = core.map_err(|error| match error {
        ArchiveError::Refused(refusal) => told(&refusal),
        ArchiveError::Unreadable(error) => Failure::Internal(error.to_string()),
    })?;
    let beside = |bytes: &[u8], ending: &str| {
        let mut staging = blobs
            .stage(bytes.len() as u64)
            .map_err(|error| undone(&error))?;
        written(&mut staging, bytes)?;
        let staged = staging.finish().map_err(|error| undone(&error))?;
        kept(blobs, &staged)?;
        let name = format!("{}{ending}", upload.file);
        Ok::<_, Failure>(stored(&staged, &name, notes::write(&notes::File::beside())))
    };
    let metadata = beside(&core.bytes, ".metadata")?;
    let signature = upload.signature.as_deref();
    let signature = signature
        .map(|text| beside(text.as_bytes(), ".asc"))
        .transpose()?;
    let note = notes::File {
        requires_python: core.requires_python,
        metadata_sha256: Some(metadata.sha256.clone()),
        has_signature: signature.is_some(),
        ..notes::File::default()
    };
    kept(blobs, &content.staged)?;
    let main = stored(&content.staged, &upload.file, notes::write(&note));
    let files = [main, metadata].into_iter().chain(signature).collect();
    Ok((upload, files))
}

fn told(refusal: &Refused) -> Failure {
    refused(refusal.status(), refusal.sentence())
}
