//! Listing versions: gather from every origin, judge each version, render what may be shown.

use std::sync::Arc;

use http::header;
use rules::{Decision, Ecosystem, Facts, Origin, Origins, PackageName, Place};

use super::conditions::not_modified;
use super::encode::{Coding, Prepared};
use super::trace::Trace;
use super::{Context, retained};
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::origin::upstream::Upstream;
use crate::origin::{CacheOutcome, Listing, ListingAsk};
use crate::protocol::pypi::accept::installer;
use crate::protocol::pypi::marker::marker;
use crate::protocol::{
    DocumentKind, Index, IndexTarget, MetadataLevel, Part, Rendered, Shown, Unrenderable,
};

/// One origin's listing with the verdict on each of its versions.
pub(super) struct Gathered {
    pub listing: Listing,
    pub shown: Vec<Shown>,
    /// Shown because it is retained, though no origin lists it now: depends on what the cache holds.
    pub retained: bool,
}

/// Answers a request for an index document.
pub async fn answer(
    context: &Context<'_>,
    target: &IndexTarget,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let policy = &context.snapshot.policy;
    let origins = policy.origins(&target.package, &context.route.repository);
    if !group_may_leave(context, target) {
        return Err(Failure::Absent(target.package.to_string()));
    }
    let gathered = gather(context, target, &origins).await?;
    if gathered.is_empty() {
        return nothing(context, target, &origins, trace);
    }
    trace.cache = outcome(&gathered);
    let last_modified = gathered[0].listing.last_modified.clone();
    let prepared = rendered(context, target, gathered).await?;
    reply(context, target, &prepared, last_modified, trace).await
}

/// `{g}/{a}/maven-metadata.xml` is also the plugin list of group `{g}.{a}`, and `{g}/{a}/{v}/…` the metadata of
/// `{g}.{a}:{v}`: both readings must be free to leave.
fn group_may_leave(context: &Context<'_>, target: &IndexTarget) -> bool {
    let DocumentKind::Metadata { level, .. } = &target.document else {
        return true;
    };
    let group = format!("{}.{}", target.package.namespace(), target.package.name());
    let artifact = match level {
        MetadataLevel::Artifact => target.package.name(),
        MetadataLevel::Snapshot { version } => version,
    };
    match PackageName::maven(&group, artifact) {
        Ok(package) => !context.snapshot.policy.claimed(&package),
        Err(_) => true,
    }
}

async fn gather(
    context: &Context<'_>,
    target: &IndexTarget,
    origins: &Origins,
) -> Result<Vec<Gathered>, Failure> {
    let ask = ListingAsk {
        protocol: context.protocol,
        target,
        limits: &context.snapshot.limits,
        now: context.request.received_at,
    };
    let mut gathered = Vec::new();
    for origin in origins.iter() {
        let Some(upstream) = upstream_of(context, origin) else {
            continue;
        };
        if let Place::External = origin.place() {
            let supply = &context.app.supply;
            if let Some(listing) = supply.listing(origin, upstream, &ask).await? {
                let shown = judge(context, origin, &listing.index);
                gathered.push(Gathered {
                    listing,
                    shown,
                    retained: false,
                });
            }
        }
    }
    if gathered.is_empty() {
        gathered = retained::listings(context, origins, &ask).await;
    }
    Ok(gathered)
}

/// The upstream that a repository's external connection leads to.
fn upstream_of<'a>(context: &'a Context<'_>, origin: &Origin) -> Option<&'a Arc<Upstream>> {
    let key = (origin.repository().to_owned(), origin.package().ecosystem());
    context.snapshot.upstreams.get(&key)
}

/// Each version gets the verdict that its files would get.
pub(super) fn judge(context: &Context<'_>, origin: &Origin, index: &Index) -> Vec<Shown> {
    let policy = &context.snapshot.policy;
    let now = context.request.received_at;
    let verdict = |version: &crate::protocol::Listed| {
        let facts = Facts {
            published: version.published,
            ..Facts::default()
        };
        match policy.admit(origin, &version.version, &facts, now) {
            Decision::Allow(_) | Decision::Warn(..) => Shown::Keep,
            Decision::Hold(_, reason) | Decision::Deny(reason) => Shown::Withhold(reason.sentence),
        }
    };
    index.versions.iter().map(verdict).collect()
}

fn outcome(gathered: &[Gathered]) -> CacheOutcome {
    let outcomes = || gathered.iter().map(|part| part.listing.outcome);
    [
        CacheOutcome::Stale,
        CacheOutcome::Miss,
        CacheOutcome::Revalidated,
    ]
    .into_iter()
    .find(|each| outcomes().any(|outcome| outcome == *each))
    .unwrap_or(CacheOutcome::Hit)
}

/// No origin has it, or none may be asked.
fn nothing(
    context: &Context<'_>,
    target: &IndexTarget,
    origins: &Origins,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let asked = origins
        .iter()
        .any(|origin| matches!(origin.place(), Place::External));
    let Some(reason) = origins.refusal().filter(|_| !asked) else {
        return Err(Failure::Absent(target.package.to_string()));
    };
    if let DocumentKind::Simple(form) = target.document {
        // pip and uv show nothing of a refused index page; they do show the refusal of a file (protocols.md §2.10).
        if installer(context.accept.as_deref()) {
            trace.note_refusal(reason, &context.app.observer.audit.next_id());
            let page = marker(&target.package, &reason.sentence, form);
            return Ok(marker_reply(page));
        }
        if reason.claimed {
            return Err(Failure::Claimed(Box::new(reason.clone())));
        }
    }
    Err(Failure::Refused(Box::new(reason.clone())))
}

fn marker_reply(page: Rendered) -> Reply {
    Reply::full(200, page.content_type, page.bytes)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::VARY, VARY)
}

const VARY: &str = "Accept, Accept-Encoding";

async fn rendered(
    context: &Context<'_>,
    target: &IndexTarget,
    gathered: Vec<Gathered>,
) -> Result<Arc<Prepared>, Failure> {
    let key = memo_key(context, target, &gathered);
    let (protocol, target) = (context.protocol, target.clone());
    let base = context.route.base.clone();
    let render = move || {
        let parts: Vec<Part<'_>> = gathered
            .iter()
            .map(|part| Part {
                index: part.listing.index.as_ref(),
                shown: &part.shown,
            })
            .collect();
        protocol
            .render(&target, &parts, &base)
            .map_err(|error| match error {
                Unrenderable::Absent => Failure::Absent(target.package.to_string()),
                Unrenderable::Withheld(sentence) => Failure::Withheld(sentence),
            })
    };
    context.app.memo.document(key, render).await
}

/// Everything that the rendered bytes depend on.
fn memo_key(context: &Context<'_>, target: &IndexTarget, gathered: &[Gathered]) -> String {
    let mut key = format!(
        "{}|{}|{:?}|{}|{:x}",
        target.package.path(),
        context.route.repository,
        target.document,
        context.route.base,
        context.snapshot.policy.revision(),
    );
    for part in gathered {
        key.push('|');
        key.push_str(&part.listing.digest);
        if part.retained {
            key.push_str(&format!("{:?}", part.shown));
        }
    }
    key
}

async fn reply(
    context: &Context<'_>,
    target: &IndexTarget,
    prepared: &Prepared,
    last_modified: Option<String>,
    trace: &Trace,
) -> Result<Reply, Failure> {
    let accept_encoding = context.request.field(header::ACCEPT_ENCODING);
    let coding = match target.package.ecosystem() {
        // Maven asks for gzip everywhere and checks the bytes against a checksum of the plain document.
        Ecosystem::Maven => Coding::Identity,
        _ => Coding::negotiate(accept_encoding.as_deref()),
    };
    let variant = context.app.memo.variant(prepared, coding).await;
    let mut reply = if not_modified(&context.request.headers, Some(&variant.etag), None) {
        Reply::empty(304)
    } else {
        let mut reply = Reply::full(200, prepared.content_type, variant.bytes.clone());
        if variant.coding != Coding::Identity {
            reply = reply.with(header::CONTENT_ENCODING, variant.coding.as_str());
        }
        reply
    };
    reply = reply
        .with(header::ETAG, &variant.etag)
        .with(header::VARY, VARY)
        .with(header::CACHE_CONTROL, "no-cache");
    // Only Maven reads the date, and only where the document is the upstream's own listing.
    if target.package.ecosystem() == Ecosystem::Maven
        && let Some(date) = last_modified
    {
        reply = reply.with(header::LAST_MODIFIED, &date);
    }
    Ok(match trace.cache.cache_status() {
        Some(status) => reply.with(header::HeaderName::from_static("cache-status"), status),
        None => reply,
    })
}
