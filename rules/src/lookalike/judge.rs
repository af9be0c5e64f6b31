//! One question to one catalogue: which listed name does this one imitate, if any?

use super::catalogue::Catalogue;
use super::edits::Edits;
use super::evidence::{Features, Pair};
use super::model::Model;
use super::shapes;
use super::squash::Squashed;
use super::words::Words;
use super::{LookAlike, Severity, Signal};
use crate::{Ecosystem, PackageName};

/// Shorter domains are near to each other by chance.
const GROUP_LENGTH_MIN: usize = 8;

/// From which place on a name is rarely imitated, and by how much surer the model must be then.
const RARE_RANK: usize = 5_000;
const RARE_MARGIN: f32 = 1.0;

/// The most pairs of one name that are judged.
const PAIRS_MAX: usize = 8;

/// A listed name at most two edits away, with what the model is told of it.
pub(super) struct Near {
    pub(super) place: usize,
    pub(super) signal: Signal,
    pub(super) may_block: bool,
    pub(super) features: Features,
}

/// Judges a name that is not known.
pub(super) fn judge(
    catalogue: &Catalogue,
    words: &Words,
    model: &Model,
    name: &PackageName,
) -> Option<LookAlike> {
    let (imitates, signal, severity) = match (name.ecosystem(), name.namespace()) {
        (Ecosystem::Npm, scope) if !scope.is_empty() => scope_finding(catalogue, name)?,
        (Ecosystem::Maven, _) => group_finding(catalogue, name)?,
        _ => match name_finding(catalogue, words, model, name) {
            Some((place, signal, severity)) => {
                (catalogue.list.name(place).to_owned(), signal, severity)
            }
            None => flattened_scope(catalogue, name)?,
        },
    };
    Some(LookAlike {
        imitates,
        is_internal: catalogue.is_internal,
        signal,
        severity,
    })
}

/// The model's verdict on the nearest names, or else the shape of the name.
fn name_finding(
    catalogue: &Catalogue,
    words: &Words,
    model: &Model,
    name: &PackageName,
) -> Option<shapes::Finding> {
    let squashed = Squashed::of(name.name())?;
    let thresholds = model.thresholds(name.ecosystem());
    let mut best: Option<(f32, shapes::Finding)> = None;
    near_names(catalogue, words, &squashed, |near| {
        let score = model.score(&near.features);
        let is_blocked = near.may_block
            && score >= thresholds.block + f32::from(near.place >= RARE_RANK) * RARE_MARGIN;
        let severity = sure(is_blocked);
        let is_same_letters = matches!(
            near.signal,
            Signal::SeparatorsMoved | Signal::ScopeFlattened
        );
        if (is_same_letters || score >= thresholds.suspicious)
            && best.is_none_or(|(other, best)| (severity, score) > (best.2, other))
        {
            best = Some((score, (near.place, near.signal, severity)));
        }
    });
    let near = best.map(|(_, finding)| finding);
    if near.is_some_and(|(_, _, severity)| severity == Severity::Block) {
        return near;
    }
    match shapes::find(catalogue, words, name, &squashed) {
        Some(shape) if near.is_none() || shape.2 == Severity::Block => Some(shape),
        _ => near,
    }
}

/// Hands out every listed name at most two edits away.
pub(super) fn near_names(
    catalogue: &Catalogue,
    words: &Words,
    name: &Squashed,
    mut each: impl FnMut(Near),
) {
    let mut found: [Option<(usize, Squashed, Edits)>; PAIRS_MAX] = [None; PAIRS_MAX];
    let mut count = 0;
    catalogue.near(name, |place, target| {
        let edits = Edits::between(name.bytes(), target.bytes());
        if let (Some(edits), Some(slot)) = (edits, found.get_mut(count)) {
            *slot = Some((place, target, edits));
            count += 1;
        }
    });
    for (place, target, edits) in found.iter().flatten() {
        let pair = Pair {
            name,
            target,
            edits,
            rank: catalogue.rank(*place),
            scoped_target: catalogue.list.name(*place).starts_with('@'),
            ecosystem: f32::from(catalogue.ecosystem == Ecosystem::Pypi),
            rivals: count,
        };
        each(Near {
            place: *place,
            signal: pair.signal(),
            may_block: pair.may_block(),
            features: pair.features(words),
        });
    }
}

/// An unknown scope beside a known one: sure when the known one has a package of this name.
fn scope_finding(catalogue: &Catalogue, name: &PackageName) -> Option<(String, Signal, Severity)> {
    let near = catalogue.namespaces.near(name.namespace())?;
    let same_name = catalogue.scoped_position(near.namespace, name.name());
    let is_sure = match same_name {
        Some(_) => near.is_altered,
        None => catalogue.is_internal && near.is_altered && near.length >= 6,
    };
    let imitates = match same_name {
        Some(place) => catalogue.list.name(place).to_owned(),
        None => format!("@{}", near.namespace),
    };
    Some((imitates, Signal::NamespaceAltered, sure(is_sure)))
}

/// An unknown organisation beside a known one, by the same rule.
fn group_finding(catalogue: &Catalogue, name: &PackageName) -> Option<(String, Signal, Severity)> {
    let near = catalogue.namespaces.near(name.namespace())?;
    let parts = [near.namespace, near.rest, ":", name.name()];
    let same_name = catalogue.list.position_of(parts);
    let is_sure = match same_name {
        Some(_) => near.length >= GROUP_LENGTH_MIN,
        None => catalogue.is_internal && near.length >= 6 && near.is_altered,
    };
    let imitates = same_name.map_or(near.namespace, |place| catalogue.list.name(place));
    Some((imitates.to_owned(), Signal::NamespaceAltered, sure(is_sure)))
}

/// A scope of the house written into the name: `mycompany-ui` for a package of `@mycompany`.
fn flattened_scope(
    catalogue: &Catalogue,
    name: &PackageName,
) -> Option<(String, Signal, Severity)> {
    // By what may end a scope, not by scope: there may be thousands.
    let name = name.name();
    let mut scopes = name
        .match_indices(['-', '.', '_'])
        .map(|(end, _)| &name[..end]);
    let scope = scopes.find(|scope| catalogue.namespaces.is_ours(scope))?;
    Some((
        format!("@{scope}"),
        Signal::ScopeFlattened,
        Severity::Suspicious,
    ))
}

const fn sure(is_sure: bool) -> Severity {
    if is_sure {
        Severity::Block
    } else {
        Severity::Suspicious
    }
}
