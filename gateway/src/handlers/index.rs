//! Listing versions: gather from every origin, judge each version, render what may be shown.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use http::header;
use rules::{Decision, Ecosystem, Facts, Origin, Origins, PackageName, Place, Policy};

use super::conditions::not_modified;
use super::encode::{Coding, Prepared};
use super::evidence::first_seen_known;
use super::published::{listing as hosted, unlisted};
use super::trace::Trace;
use super::{Context, absence, origins, retained};
use crate::app::Snapshot;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::origin::upstream::Upstream;
use crate::origin::{CacheOutcome, Listing, ListingAsk};
use crate::protocol::{
    DocumentKind, Index, IndexTarget, Links, Listed, MetadataLevel, Part, Protocol, Shown,
    Unrenderable,
};

/// One origin's listing.
pub(super) struct Gathered {
    pub origin: Origin,
    /// Its place in the search.
    pub place: usize,
    pub listing: Listing,
    /// What is shown of it, where that depends on what the cache holds; else each version is judged.
    pub retained: Option<Vec<Shown>>,
}

/// Answers a request for an index document.
pub async fn answer(
    context: &Context<'_>,
    target: &IndexTarget,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let origins = origins(context, &target.package);
    let gathered = gather(context, target, &origins).await?;
    if gathered.is_empty() {
        return absence::answer(context, target, &origins, trace);
    }
    trace.cache = outcome(&gathered);
    if let Some(reason) = origins.observed() {
        trace.note_warning(reason, &context.app.observer.audit.next_id());
    }
    let unlisted = unlisted(context, &origins).await?;
    let prepared = rendered(context, target, &gathered, unlisted).await?;
    let last_modified = gathered[0].listing.last_modified();
    reply(context, target, &prepared, last_modified, trace).await
}

/// `{g}/{a}/maven-metadata.xml` is also the plugin list of group `{g}.{a}`, and `{g}/{a}/{v}/…` the metadata of
/// `{g}.{a}:{v}`: both readings must be free to leave.
pub(super) fn group_may_leave(context: &Context<'_>, target: &IndexTarget) -> bool {
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

fn ask<'a>(context: &Context<'a>, target: &'a IndexTarget) -> ListingAsk<'a> {
    ListingAsk {
        protocol: context.protocol,
        target,
        limits: &context.snapshot.limits,
        now: context.request.received_at,
    }
}

async fn gather(
    context: &Context<'_>,
    target: &IndexTarget,
    origins: &Origins,
) -> Result<Vec<Gathered>, Failure> {
    let ask = ask(context, target);
    let mut gathered = Vec::new();
    let mut asked_outside = false;
    let may_leave = group_may_leave(context, target);
    for (place, origin) in origins.iter().enumerate() {
        let listing = match origin.place() {
            Place::Holding => hosted(context, target, origin).await?,
            Place::External => match upstream_of(context, origin) {
                Some(upstream) if may_leave => {
                    context.app.supply.listing(origin, upstream, &ask).await?
                }
                _ => None,
            },
        };
        if let Some(listing) = listing {
            asked_outside |= !listing.is_hosted();
            gathered.push(Gathered {
                origin: origin.clone(),
                place,
                listing,
                retained: None,
            });
        }
    }
    if !asked_outside {
        gathered.extend(Box::pin(retained::listings(context, origins, &ask)).await);
    }
    Ok(gathered)
}

/// The upstream that a repository's external connection leads to.
fn upstream_of<'a>(context: &'a Context<'_>, origin: &Origin) -> Option<&'a Arc<Upstream>> {
    let key = (origin.repository().to_owned(), origin.package().ecosystem());
    context.snapshot.upstreams.get(&key)
}

/// The verdict on every version of an index.
pub(super) struct Judged {
    pub shown: Vec<Shown>,
    /// When one of them changes by itself.
    pub valid_until: Option<SystemTime>,
}

/// Each version gets the verdict that its files would get.
pub(super) fn judge(
    policy: &Policy,
    origin: &Origin,
    index: &Index,
    ours: bool,
    now: SystemTime,
) -> Judged {
    let mut facts = Facts {
        ours,
        ..index.facts()
    };
    let mut valid_until = policy.changes_at(origin, &facts, now);
    let is_undated = origin.package().ecosystem() == Ecosystem::Maven;
    let mut verdict = |version: &Listed| {
        facts.published = version.published;
        facts.first_seen = index.first_seen(&version.version);
        match policy.admit(origin, &version.version, &facts, now) {
            Decision::Allow(_) => Shown::Keep,
            Decision::Warn(_, reason) if reason.observed => Shown::Keep,
            Decision::Warn(_, reason) => Shown::Warn(reason.sentence),
            // Maven's index has hardly a date; what it does not know is judged at the file (`artifact::dated`).
            Decision::Hold(..) if is_undated && facts.since().is_none() => Shown::Keep,
            Decision::Hold(_, reason) | Decision::Deny(reason) => {
                valid_until = earlier(valid_until, reason.until);
                Shown::Withhold(reason.sentence)
            }
        }
    };
    let shown = index.versions.iter().map(&mut verdict).collect();
    Judged { shown, valid_until }
}

fn earlier(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    one.into_iter().chain(other).min()
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

pub(super) const VARY: &str = "Accept, Accept-Encoding";

/// The document as it was rendered before, or else read, judged and rendered now, away from the serving threads.
async fn rendered(
    context: &Context<'_>,
    target: &IndexTarget,
    gathered: &[Gathered],
    unlisted: Vec<(usize, String)>,
) -> Result<Arc<Prepared>, Failure> {
    let key = memo_key(context, target, gathered, &unlisted);
    let (memo, now) = (&context.app.memo, context.request.received_at);
    match memo.known(&key, now).await {
        Some(known) => Ok(known),
        None => {
            memo.document(key, Box::pin(render(context, target, gathered, unlisted)))
                .await
        }
    }
}

async fn render(
    context: &Context<'_>,
    target: &IndexTarget,
    gathered: &[Gathered],
    unlisted: Vec<(usize, String)>,
) -> Result<Prepared, Failure> {
    let ask = ask(context, target);
    let mut parts = Vec::with_capacity(gathered.len());
    for part in gathered {
        let supply = &context.app.supply;
        let upstream = upstream_of(context, &part.origin).filter(|_| !part.listing.is_hosted());
        let index = match upstream {
            Some(upstream) => supply.upstream_index(&part.listing, &ask, upstream).await?,
            None => supply.index(&part.listing, &ask).await?,
        };
        first_seen_known(context, &part.origin, &index)?;
        parts.push(Material {
            origin: part.origin.clone(),
            place: part.place,
            index,
            retained: part.retained.clone(),
            is_hosted: part.listing.is_hosted(),
        });
    }
    let rendering = Rendering {
        snapshot: Arc::clone(context.snapshot),
        protocol: context.protocol,
        target: target.clone(),
        base: Arc::clone(&context.route.base),
        keeps_links: context.request.caller.mode.is_intercepted(),
        now: context.request.received_at,
        unlisted,
        parts,
    };
    let rendered = tokio::task::spawn_blocking(move || rendering.run()).await;
    rendered.map_err(|error| Failure::Internal(error.to_string()))?
}

/// The work of one rendering, with all it needs.
struct Rendering {
    snapshot: Arc<Snapshot>,
    protocol: &'static dyn Protocol,
    target: IndexTarget,
    base: Arc<str>,
    /// Whether the client asks the registry itself, whose addresses then stay.
    keeps_links: bool,
    now: SystemTime,
    /// Versions that are not shown out of anything but what is published here.
    unlisted: Vec<(usize, String)>,
    parts: Vec<Material>,
}

/// What is rendered of one origin.
struct Material {
    origin: Origin,
    place: usize,
    index: Arc<Index>,
    retained: Option<Vec<Shown>>,
    is_hosted: bool,
}

impl Rendering {
    fn run(self) -> Result<Prepared, Failure> {
        let policy = &self.snapshot.policy;
        let mut valid_until = None;
        let mut judged: Vec<(Arc<Index>, Vec<Shown>)> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let mut shown = match part.retained {
                Some(shown) => shown,
                None => {
                    let ours = part.is_hosted;
                    let verdicts = judge(policy, &part.origin, &part.index, ours, self.now);
                    valid_until = earlier(valid_until, verdicts.valid_until);
                    verdicts.shown
                }
            };
            for (listed, shown) in part.index.versions.iter().zip(&mut shown) {
                let ecosystem = self.target.package.ecosystem();
                let is_it = |(place, version): &(usize, String)| {
                    *place < part.place && rules::same(ecosystem, version, &listed.version)
                };
                if self.unlisted.iter().any(is_it) {
                    *shown = Shown::Only(BTreeSet::new());
                }
            }
            judged.push((part.index, shown));
        }
        let parts: Vec<Part<'_>> = judged
            .iter()
            .map(|(index, shown)| Part { index, shown })
            .collect();
        let links = Links {
            base: &self.base,
            kept: self.keeps_links,
        };
        let rendered = self.protocol.render(&self.target, &parts, links);
        match rendered {
            Ok(rendered) => Ok(Prepared::new(rendered, valid_until)),
            Err(Unrenderable::Absent) => Err(Failure::Absent(self.target.package.to_string())),
            Err(Unrenderable::Withheld(sentence)) => Err(Failure::Withheld(sentence)),
        }
    }
}

/// Everything that the rendered bytes depend on.
fn memo_key(
    context: &Context<'_>,
    target: &IndexTarget,
    gathered: &[Gathered],
    unlisted: &[(usize, String)],
) -> String {
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
        key.push_str(&part.listing.digest());
        if let Some(shown) = &part.retained {
            key.push_str(&format!("{shown:?}"));
        }
    }
    for (place, version) in unlisted {
        key.push_str(&format!("!{place}!{version}"));
    }
    key
}

async fn reply(
    context: &Context<'_>,
    target: &IndexTarget,
    prepared: &Prepared,
    last_modified: Option<&str>,
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
        let mut reply = Reply::full(200, prepared.content_type, "");
        reply.body = variant.body();
        if variant.coding != Coding::Identity {
            reply = reply.with_static(header::CONTENT_ENCODING, variant.coding.as_str());
        }
        reply
    };
    reply = reply
        .with(header::ETAG, &variant.etag)
        .with_static(header::VARY, VARY)
        .with_static(header::CACHE_CONTROL, "no-cache");
    // Only Maven reads the date, and only where the document is the upstream's own listing.
    if target.package.ecosystem() == Ecosystem::Maven
        && let Some(date) = last_modified
    {
        reply = reply.with(header::LAST_MODIFIED, date);
    }
    Ok(match trace.cache.cache_status() {
        Some(status) => reply.with_static(header::HeaderName::from_static("cache-status"), status),
        None => reply,
    })
}
