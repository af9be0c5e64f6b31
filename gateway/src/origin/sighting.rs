//! An index and the ledger of first-seen times: what appears in a public registry is written down when it is first
//! seen, so that nobody makes a new version old by a forged date.

use std::time::SystemTime;

use crate::protocol::{DocumentKind, Index, IndexTarget, MetadataLevel, Sightings};
use crate::state::State;

/// The index with what the ledger says of its versions, after the ledger has seen them.
pub(super) async fn sighted(
    state: &State,
    target: &IndexTarget,
    index: Index,
    now: SystemTime,
) -> Index {
    if !lists_versions(&target.document) {
        return index;
    }
    let versions: Vec<&str> = index
        .versions
        .iter()
        .map(|listed| &*listed.version)
        .collect();
    let sightings = match state.sight(&target.package, &versions, now).await {
        Ok(late) => Sightings::Late(late.into_iter().collect()),
        Err(error) => {
            tracing::error!(%error, package = %target.package, "first-seen times are not known");
            Sightings::Unknown(error.to_string())
        }
    };
    index.sighted(sightings)
}

/// Whether a document lists all versions of its package.
fn lists_versions(document: &DocumentKind) -> bool {
    !matches!(
        document,
        DocumentKind::Metadata {
            level: MetadataLevel::Snapshot { .. },
            ..
        }
    )
}
