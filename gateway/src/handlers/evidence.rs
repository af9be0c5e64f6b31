//! What is known of a version from outside when it is judged: its index, its dates, and what may be had instead.

use std::sync::Arc;
use std::time::SystemTime;

use rules::{Ecosystem, Facts, Origin, Policy};

use super::Context;
use super::index::group_may_leave;
use crate::failure::Failure;
use crate::origin::upstream::Upstream;
use crate::origin::{Fetching, ListingAsk};
use crate::protocol::{
    ArtifactTarget, DocumentKind, Index, IndexTarget, MetadataLevel, SimpleForm,
};

/// The index that lists the file: the same one that its page is rendered from.
pub(super) async fn index(
    context: &Context<'_>,
    origin: &Origin,
    upstream: &Arc<Upstream>,
    target: &ArtifactTarget,
) -> Result<Option<Arc<Index>>, Failure> {
    let document = match target.package.ecosystem() {
        Ecosystem::Pypi => DocumentKind::Simple(SimpleForm::Json),
        Ecosystem::Maven => DocumentKind::Metadata {
            level: MetadataLevel::Artifact,
            checksum: None,
        },
        Ecosystem::Npm => DocumentKind::Packument { full: true },
        // There is nobody outside to ask.
        Ecosystem::Generic => return Ok(None),
    };
    let target = IndexTarget {
        package: target.package.clone(),
        document,
    };
    let ask = ListingAsk {
        protocol: context.protocol,
        target: &target,
        limits: &context.snapshot.limits,
        now: context.request.received_at,
    };
    if !group_may_leave(context, &target) {
        return Ok(None);
    }
    let supply = &context.app.supply;
    match supply.listing(origin, upstream, &ask).await? {
        Some(listing) => {
            let index = supply.upstream_index(&listing, &ask, upstream).await?;
            first_seen_known(context, origin, &index)?;
            Ok(Some(index))
        }
        None => Ok(None),
    }
}

/// Has the list of versions kept beside a file that was fetched without it (Maven): what is retained is to be listed,
/// too, when nobody may be asked any more.
pub(super) fn remember_index(context: &Context<'_>, origin: &Origin, upstream: &Arc<Upstream>) {
    let (app, upstream, origin) = (
        Arc::clone(context.app),
        Arc::clone(upstream),
        origin.clone(),
    );
    let (protocol, now) = (context.protocol, context.request.received_at);
    let limits = Arc::clone(&context.snapshot.limits);
    let target = IndexTarget {
        package: origin.package().clone(),
        document: DocumentKind::Metadata {
            level: MetadataLevel::Artifact,
            checksum: None,
        },
    };
    if !group_may_leave(context, &target) {
        return;
    }
    tokio::spawn(async move {
        let ask = ListingAsk {
            protocol,
            target: &target,
            limits: &limits,
            now,
        };
        // A registry without such a list is none the worse for it.
        let _ = app.supply.listing(&origin, &upstream, &ask).await;
    });
}

/// Fails where age counts and the ledger of first-seen times did not answer: a forged date must not pass meanwhile.
pub(super) fn first_seen_known(
    context: &Context<'_>,
    origin: &Origin,
    index: &Index,
) -> Result<(), Failure> {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    match index.unsighted() {
        Some(why) if policy.judges_age(origin, now) => Err(Failure::State(why.to_owned())),
        _ => Ok(()),
    }
}

/// Whether a version's age has a say.
pub(super) fn judges_age(context: &Context<'_>, origin: &Origin) -> bool {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    policy.judges_age(origin, now)
}

/// When a version was published whose ecosystem's index has no dates: what its registry says of its POM.
pub(super) async fn dated(
    context: &Context<'_>,
    origin: &Origin,
    upstream: &Arc<Upstream>,
    fetching: &Fetching<'_>,
) -> Result<Option<SystemTime>, Failure> {
    let target = fetching.target;
    let pom = ArtifactTarget {
        file: format!("{}-{}.pom", target.package.name(), target.version),
        sidecar: None,
        ..target.clone()
    };
    let inspection = context.snapshot.policy.inspect(origin, &target.version);
    let fetching = Fetching {
        target: &pom,
        listed: None,
        published: None,
        head_only: false,
        ..*fetching
    };
    let supply = &context.app.supply;
    let date = supply
        .last_modified(&inspection, upstream, &fetching)
        .await?;
    Ok(date.and_then(|date| httpdate::parse_http_date(&date).ok()))
}

/// The refusal with the version that may be had instead, where the index tells one.
pub(super) fn advised(
    context: &Context<'_>,
    origin: &Origin,
    target: &ArtifactTarget,
    index: Option<&Index>,
    failure: Failure,
) -> Failure {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    match (failure, index) {
        (Failure::Refused(reason), Some(index)) => {
            match nearest(policy, origin, index, &target.version, now) {
                Some(version) => Failure::Refused(Box::new(reason.with_nearest(&version))),
                None => Failure::Refused(reason),
            }
        }
        (failure, _) => failure,
    }
}

/// The version nearest to a refused one that would be served.
pub(super) fn nearest(
    policy: &Policy,
    origin: &Origin,
    index: &Index,
    refused: &str,
    now: SystemTime,
) -> Option<String> {
    let facts = index.versions.iter().map(|listed| index.facts_of(listed));
    let facts: Vec<Facts> = facts.collect();
    let versions = index.versions.iter().map(|listed| &*listed.version);
    let nearest = policy.nearest_allowed(origin, refused, versions.zip(&facts), now);
    nearest.map(str::to_owned)
}
