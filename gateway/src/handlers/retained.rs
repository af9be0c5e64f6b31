//! What repositories still list of a package that no upstream lists now: its origin is blocked (codeartifact.md D35),
//! its upstream fails or was taken away (§3.2). Nobody is asked; what is listed here is what `artifact` serves.

use std::collections::BTreeSet;

use rules::{Ecosystem, Origin, Origins, Place};

use super::Context;
use super::index::{Gathered, judge};
use crate::origin::{Listing, ListingAsk};
use crate::protocol::{ArtifactTarget, Index, Shown, Sidecar};

/// The listings of all repositories in their order, each cut down to the files that it retains.
pub(super) async fn listings(
    context: &Context<'_>,
    origins: &Origins,
    ask: &ListingAsk<'_>,
) -> Vec<Gathered> {
    let mut gathered = Vec::new();
    let holding = |(_, origin): &(usize, &Origin)| matches!(origin.place(), Place::Holding);
    for (place, origin) in origins.iter().enumerate().filter(holding) {
        let supply = &context.app.supply;
        if let Some(listing) = supply.remembered_listing(origin, ask).await {
            gathered.extend(cut_down(context, (place, origin), origins, listing, ask).await);
        }
    }
    gathered
}

async fn cut_down(
    context: &Context<'_>,
    (place, holding): (usize, &Origin),
    origins: &Origins,
    listing: Listing,
    ask: &ListingAsk<'_>,
) -> Option<Gathered> {
    let index = context.app.supply.index(&listing, ask).await.ok()?;
    let now = context.request.received_at;
    let verdicts = judge(&context.snapshot.policy, holding, &index, false, now).shown;
    let kept = kept_files(context, holding, &index).await;
    let refused = origins.refusal().map(|reason| reason.sentence.clone());
    let shown: Vec<Shown> = verdicts
        .into_iter()
        .zip(kept)
        .map(|(verdict, files)| match (verdict, &refused) {
            (Shown::Keep | Shown::Warn(_), Some(sentence)) if files.is_empty() => {
                Shown::Withhold(sentence.clone())
            }
            (Shown::Keep | Shown::Warn(_), _) => Shown::Only(files),
            (other, _) => other,
        })
        .collect();
    let any = |shown: &Shown| matches!(shown, Shown::Only(files) if !files.is_empty());
    shown.iter().any(any).then_some(Gathered {
        origin: holding.clone(),
        place,
        listing,
        retained: Some(shown),
    })
}

/// The files of each version that the repository retains.
async fn kept_files(
    context: &Context<'_>,
    holding: &Origin,
    index: &Index,
) -> Vec<BTreeSet<String>> {
    let package = holding.package();
    let versions = &index.versions;
    let files: Vec<Vec<String>> = versions
        .iter()
        .map(|version| context.protocol.files_of(package, version))
        .collect();
    let target = |version: &str, file: &String| {
        let metadata = file.strip_suffix(".metadata");
        let sidecar = metadata.map(|_| Sidecar::Metadata);
        ArtifactTarget {
            package: package.clone(),
            version: version.to_owned(),
            file: metadata.unwrap_or(file).to_owned(),
            sidecar: sidecar.filter(|_| package.ecosystem() == Ecosystem::Pypi),
        }
    };
    let targets: Vec<ArtifactTarget> = versions
        .iter()
        .zip(&files)
        .flat_map(|(version, files)| files.iter().map(|file| target(&version.version, file)))
        .collect();
    let supply = &context.app.supply;
    let mut retained = supply
        .retains(&targets, holding.repository())
        .await
        .into_iter();
    let keep = |files: Vec<String>| {
        let kept = |_: &String| retained.next().unwrap_or(false);
        let mut kept: BTreeSet<String> = files.into_iter().filter(kept).collect();
        let alone = |file: &String| {
            file.strip_suffix(".metadata")
                .is_some_and(|of| !kept.contains(of))
        };
        let alone: Vec<String> = kept.iter().filter(|file| alone(file)).cloned().collect();
        kept.retain(|file| !alone.contains(file));
        kept
    };
    files.into_iter().map(keep).collect()
}
