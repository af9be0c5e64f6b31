//! Handing out a file or a sidecar: judge, find it in the order of the origins, stream it.

use http::{HeaderName, header};
use rules::{Decision, Ecosystem, Facts, Origin, Origins, Permit, Place};

use super::conditions::{Part, not_modified, part};
use super::evidence::{advised, dated, index, judges_age, remember_index};
use super::publish::note_arrival;
use super::trace::Trace;
use super::{Context, origins, published};
use crate::exchange::{Method, Reply, ReplyBody};
use crate::failure::Failure;
use crate::origin::{Artifact, CacheOutcome, Fetching, Presence};
use crate::protocol::{ArtifactTarget, ListedFile, Sidecar};

/// Answers a request for a file.
pub async fn answer(
    context: &Context<'_>,
    target: &ArtifactTarget,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let origins = origins(context, &target.package);
    let aged = judged_outside(context, &origins);
    for origin in origins.iter() {
        if let Place::Holding = origin.place()
            && !context.app.shelf.is_empty()
            && let Some(found) = published::file(context, origin, target, trace).await?
        {
            return Ok(reply(context, target, found, trace));
        }
        let found = match origin.place() {
            Place::Holding if !may_be_held(context, origin, aged, target, trace).await? => None,
            Place::Holding => from_holding(context, origin, target, trace).await?,
            // Boxed: a hit never comes here, and its future should be small.
            Place::External => Box::pin(from_external(context, origin, target, trace)).await?,
        };
        if let Some(found) = found {
            return Ok(reply(context, target, found, trace));
        }
    }
    Err(missing(context, target, &origins))
}

/// The origin outside that judges what is held, too: where age counts, bytes that are here get the verdict that the
/// listing gives them.
fn judged_outside<'a>(context: &Context<'_>, origins: &'a Origins) -> Option<&'a Origin> {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    origins
        .iter()
        .find(|origin| matches!(origin.place(), Place::External))
        .filter(|origin| policy.judges_age(origin, now))
}

/// Whether the bytes that a repository holds may be served without asking today's index: no age counts, or their date
/// was kept with them and is old enough. Too young is refused here.
async fn may_be_held(
    context: &Context<'_>,
    holding: &Origin,
    outside: Option<&Origin>,
    target: &ArtifactTarget,
    trace: &mut Trace,
) -> Result<bool, Failure> {
    let Some(outside) = outside else {
        return Ok(true);
    };
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    if policy.judges_name(outside) {
        return Ok(false);
    }
    let inspection = policy.inspect(holding, &target.version);
    let supply = &context.app.supply;
    let Some(published) = supply.published(&inspection, target, now).await else {
        return Ok(false);
    };
    let facts = Facts {
        published: Some(published),
        ..Facts::default()
    };
    admitted(context, outside, target, &facts, trace).map(|_| true)
}

/// A file ready to be sent, or a small text about it.
pub(super) enum Found {
    File(Artifact),
    Checksum(bytes::Bytes),
}

async fn from_holding(
    context: &Context<'_>,
    origin: &Origin,
    target: &ArtifactTarget,
    trace: &mut Trace,
) -> Result<Option<Found>, Failure> {
    let permit = admitted(context, origin, target, &Facts::default(), trace)?;
    let (supply, now) = (&context.app.supply, context.request.received_at);
    if let Some(checksum) = supply.computed_checksum(&permit, target, now).await {
        return Ok(Some(Found::Checksum(checksum)));
    }
    let retained = supply.retained(&permit, target, now).await;
    if retained.is_some() && origin.asked() != origin.repository() {
        note_arrival(context, origin);
    }
    Ok(retained.map(Found::File))
}

async fn from_external(
    context: &Context<'_>,
    origin: &Origin,
    target: &ArtifactTarget,
    trace: &mut Trace,
) -> Result<Option<Found>, Failure> {
    let key = (origin.repository().to_owned(), target.package.ecosystem());
    let Some(upstream) = context.snapshot.upstreams.get(&key) else {
        return Ok(None);
    };
    let index = match context.protocol.index_lists_files() {
        true => match index(context, origin, upstream, target).await? {
            Some(index) => Some(index),
            None => return Ok(None),
        },
        false => None,
    };
    let found = index.as_ref().and_then(|index| index.file(&target.file));
    let listed = found.map(|(_, file)| file);
    if index.is_some() && !is_listed(listed, target) {
        return Ok(None);
    }
    let mut facts = index
        .as_ref()
        .map(|index| index.facts())
        .unwrap_or_default();
    if let (Some(index), Some((version, _))) = (&index, found) {
        facts.published = version.published;
        facts.first_seen = index.first_seen(&version.version);
    }
    let mut fetching = Fetching {
        protocol: context.protocol,
        target,
        listed,
        published: facts.since(),
        limits: &context.snapshot.limits,
        now: context.request.received_at,
        head_only: context.request.method == Method::Head,
    };
    if index.is_none() && judges_age(context, origin) {
        facts.published = dated(context, origin, upstream, &fetching).await?;
        // What is not in the list was never seen in it.
        let seen = self::index(context, origin, upstream, target).await?;
        facts.first_seen = seen.and_then(|index| index.first_seen(&target.version));
        fetching.published = facts.since();
    }
    let permit = admitted(context, origin, target, &facts, trace)
        .map_err(|failure| advised(context, origin, target, index.as_deref(), failure))?;
    match context
        .app
        .supply
        .fetched(&permit, upstream, &fetching)
        .await?
    {
        Presence::Here(artifact) => {
            if artifact.outcome == CacheOutcome::Miss && index.is_none() {
                remember_index(context, origin, upstream);
            }
            if artifact.outcome == CacheOutcome::Miss || origin.asked() != origin.repository() {
                note_arrival(context, origin);
            }
            Ok(Some(Found::File(artifact)))
        }
        Presence::Absent(outcome) => {
            trace.cache = outcome;
            Ok(None)
        }
    }
}

pub(super) fn admitted(
    context: &Context<'_>,
    origin: &Origin,
    target: &ArtifactTarget,
    facts: &Facts,
    trace: &mut Trace,
) -> Result<Permit, Failure> {
    let now = context.request.received_at;
    let policy = &context.snapshot.policy;
    match policy.admit(origin, &target.version, facts, now) {
        Decision::Allow(permit) => Ok(permit),
        Decision::Warn(permit, reason) => {
            trace.note_warning(&reason, &context.app.observer.audit.next_id());
            Ok(permit)
        }
        Decision::Hold(_, reason) | Decision::Deny(reason) => {
            Err(Failure::Refused(Box::new(reason)))
        }
    }
}

fn is_listed(listed: Option<&ListedFile>, target: &ArtifactTarget) -> bool {
    match (listed, target.sidecar) {
        (None, _) => false,
        (Some(file), Some(Sidecar::Metadata)) => file.metadata.is_some(),
        (Some(_), _) => true,
    }
}

/// Nobody has it, or nobody may be asked. What is published here but not in this version is simply not there.
fn missing(context: &Context<'_>, target: &ArtifactTarget, origins: &Origins) -> Failure {
    let asked = origins
        .iter()
        .any(|origin| matches!(origin.place(), Place::External));
    let shelf = &context.app.shelf;
    let is_ours = |origin: &Origin| shelf.hosts(origin.repository(), &target.package);
    match origins.refusal() {
        Some(reason) if !asked && !origins.iter().any(is_ours) => {
            Failure::Refused(Box::new(reason.clone()))
        }
        _ => Failure::Absent(format!("{} of {}", target.file, target.package)),
    }
}

fn reply(context: &Context<'_>, target: &ArtifactTarget, found: Found, trace: &mut Trace) -> Reply {
    let artifact = match found {
        Found::Checksum(text) => {
            trace.cache = CacheOutcome::Hit;
            let reply = Reply::full(200, "text/plain", text);
            return reply.with_static(header::CACHE_CONTROL, lifetime(context, target));
        }
        Found::File(artifact) => artifact,
    };
    trace.cache = artifact.outcome;
    let etag = etag(&artifact);
    let last_modified = artifact.last_modified.clone();
    let headers = &context.request.headers;
    if not_modified(headers, etag.as_deref(), last_modified.as_deref()) {
        return describe(
            context,
            Reply::empty(304),
            target,
            (etag, last_modified),
            trace,
        );
    }
    let checksums = checksum_fields(context, &artifact);
    let mut reply = body(context, artifact, etag.as_deref(), last_modified.as_deref());
    if reply.status == 416 {
        return reply.with(header::CACHE_CONTROL, "no-store");
    }
    reply = reply.with_static(header::CONTENT_TYPE, context.protocol.media_type(target));
    for (name, value) in checksums {
        reply = reply.with(name, &value);
    }
    describe(context, reply, target, (etag, last_modified), trace)
}

/// How long others may keep an answer. What takes a token to read is kept by its reader alone (RFC 9111 §3.5).
fn lifetime(context: &Context<'_>, target: &ArtifactTarget) -> &'static str {
    match (target.is_mutable(), context.snapshot.config.anonymous_read) {
        (true, _) => "no-cache",
        (false, true) => "public, max-age=31536000, immutable",
        (false, false) => "private, max-age=31536000, immutable",
    }
}

fn describe(
    context: &Context<'_>,
    reply: Reply,
    target: &ArtifactTarget,
    (etag, last_modified): (Option<String>, Option<String>),
    trace: &Trace,
) -> Reply {
    let mut reply = reply
        .with_static(header::CACHE_CONTROL, lifetime(context, target))
        .with_static(header::ACCEPT_RANGES, "bytes");
    if let Some(etag) = etag {
        reply = reply.with(header::ETAG, &etag);
    }
    if let Some(date) = last_modified {
        reply = reply.with(header::LAST_MODIFIED, &date);
    }
    match trace.cache.cache_status() {
        Some(status) => reply.with_static(HeaderName::from_static("cache-status"), status),
        None => reply,
    }
}

/// The strong validator of immutable bytes is their digest.
fn etag(artifact: &Artifact) -> Option<String> {
    let sha256 = artifact.digest(cache::DigestAlgorithm::Sha256)?;
    Some(format!("\"{}\"", sha256.hex()))
}

/// Maven 3.9 asks for no checksum file when these are there (protocols.md §3.2).
fn checksum_fields(context: &Context<'_>, artifact: &Artifact) -> Vec<(HeaderName, String)> {
    if context.route.ecosystem != Ecosystem::Maven {
        return Vec::new();
    }
    const FIELDS: [(cache::DigestAlgorithm, &str); 2] = [
        (cache::DigestAlgorithm::Sha1, "x-checksum-sha1"),
        (cache::DigestAlgorithm::Md5, "x-checksum-md5"),
    ];
    FIELDS
        .iter()
        .filter_map(|(algorithm, name)| {
            let digest = artifact.digest(*algorithm)?;
            Some((HeaderName::from_static(name), digest.hex()))
        })
        .collect()
}

fn body(
    context: &Context<'_>,
    artifact: Artifact,
    etag: Option<&str>,
    last_modified: Option<&str>,
) -> Reply {
    let head = |status, body| Reply {
        status,
        reason: None,
        headers: Vec::with_capacity(8),
        body,
    };
    let bodiless = context.request.method == Method::Head;
    let length = artifact.length;
    if bodiless {
        return head(200, ReplyBody::Head { length });
    }
    match part(&context.request.headers, length, etag, last_modified) {
        Part::Whole => head(200, artifact.range(0, length)),
        Part::Range(start, end) => head(206, artifact.range(start, end)).with(
            header::CONTENT_RANGE,
            &format!("bytes {start}-{}/{length}", end - 1),
        ),
        Part::Unsatisfiable => {
            Reply::empty(416).with(header::CONTENT_RANGE, &format!("bytes */{length}"))
        }
    }
}
