//! Checks of a policy before it is used: mistakes in patterns otherwise fail silently.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::finding::Finding;
use super::hierarchy::{Group, Hierarchy};
use super::mode::{CONTROLS, ControlTable, Mode, mode_spec};
use super::screen::{SCREENED, Screen};
use crate::decision::Control;
use crate::fold::is_word;
use crate::group::{GroupSpec, ModeSpec};
use crate::package::Ecosystem;
use crate::pattern::Pattern;
use crate::topology::Topology;

const ROOT: &str = "/*";

/// Checks what can be seen in the groups one by one.
pub(super) fn check_specs(specs: &[GroupSpec], topology: &Topology, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for spec in specs {
        if !seen.insert(spec.pattern.as_str()) {
            findings.push(Finding::error(
                &spec.pattern,
                "the group is defined twice: merge them",
            ));
        }
        for control in CONTROLS {
            match mode_spec(spec, control) {
                Some(ModeSpec::Inherit) if spec.pattern == ROOT => {
                    let message = format!("`{control}` cannot be inherited: /* has no parent");
                    findings.push(Finding::error(ROOT, message));
                }
                Some(ModeSpec::Repositories(names)) => {
                    for name in names.iter().filter(|name| !topology.contains(name)) {
                        let message = format!("`{control}` lists {name:?}, which is no repository");
                        findings.push(Finding::error(&spec.pattern, message));
                    }
                }
                _ => {}
            }
        }
        check_screen(spec, findings);
    }
}

/// Checks what a group wants of names and versions.
fn check_screen(spec: &GroupSpec, findings: &mut Vec<Finding>) {
    let observable = [&SCREENED[..], &CONTROLS].concat();
    for (key, controls, known) in [
        ("exempt", &spec.exempt, &SCREENED[..]),
        ("observe", &spec.observe, &observable),
    ] {
        let foreign = |control: &&Control| !known.contains(control);
        for control in controls.iter().flatten().filter(foreign) {
            let known: Vec<_> = known.iter().map(|control| control.as_str()).collect();
            let known = known.join(", ");
            let message = format!("`{key}` lists {control}: only {known} can be listed");
            findings.push(Finding::error(&spec.pattern, message));
        }
    }
    if spec.exempt.is_some() && (spec.until.is_none() || spec.reason.is_none()) {
        let message = "`exempt` without `until` and `reason`: it never ends, or nobody knows why";
        findings.push(Finding::warning(&spec.pattern, message));
    }
    if spec.exempt.is_none() && spec.until.is_some() {
        let message = "`until` says when an exemption ends, but there is no `exempt`";
        findings.push(Finding::error(&spec.pattern, message));
    }
    for (key, score) in [
        ("vulnerability_deny", spec.vulnerability_deny),
        ("vulnerability_warn", spec.vulnerability_warn),
    ] {
        if score.is_some_and(|score| !(0.0..=10.0).contains(&score)) {
            let message = format!("`{key}` is a CVSS score between 0 and 10");
            findings.push(Finding::error(&spec.pattern, message));
        }
    }
}

/// Whether a group sets anything beyond the three controls of origin.
fn screens(spec: &GroupSpec) -> bool {
    let plain = GroupSpec {
        pattern: spec.pattern.clone(),
        publish: spec.publish.clone(),
        internal: spec.internal.clone(),
        external: spec.external.clone(),
        description: spec.description.clone(),
        contact: spec.contact.clone(),
        ..GroupSpec::default()
    };
    plain != *spec
}

/// Adds `/*` if it is missing, and lets it allow what it does not say. Returns its position;
/// `None` cannot happen, since `/*` is a pattern.
pub(super) fn complete_root(
    groups: &mut Vec<(Pattern, ControlTable<Option<Mode>>)>,
) -> Option<usize> {
    let position = groups
        .iter()
        .position(|(pattern, _)| pattern.as_str() == ROOT);
    let root = match position {
        Some(root) => root,
        None => {
            groups.push((
                Pattern::parse(ROOT).ok()?,
                ControlTable::from_fn(|_control| None),
            ));
            groups.len() - 1
        }
    };
    let (_, own) = groups.get_mut(root)?;
    *own = ControlTable::from_fn(|control| Some(own.at(control).clone().unwrap_or(Mode::Allow)));
    Some(root)
}

/// Checks what can be seen only among groups.
pub(super) fn check_hierarchy(
    hierarchy: &Hierarchy,
    specs: &[GroupSpec],
    findings: &mut Vec<Finding>,
) {
    let mut keys: BTreeMap<Ecosystem, BTreeSet<&str>> = BTreeMap::new();
    for group in hierarchy.groups() {
        let ecosystem = group.pattern.ecosystem();
        keys.entry(ecosystem.unwrap_or(Ecosystem::Npm))
            .or_default()
            .insert(group.pattern.key());
    }
    for group in hierarchy.groups() {
        let subject = group.pattern.as_str();
        let screening = specs
            .iter()
            .any(|spec| spec.pattern == subject && screens(spec));
        let message = changes_nothing(hierarchy, group).filter(|_| !screening);
        if let Some(message) = message {
            findings.push(Finding::warning(subject, message));
        }
        if let Some(message) = matches_nothing(&group.pattern) {
            findings.push(Finding::warning(subject, message));
        }
        if let Some(message) = opens_nothing(group) {
            findings.push(Finding::warning(subject, message.to_owned()));
        }
        let siblings = group
            .pattern
            .ecosystem()
            .and_then(|ecosystem| keys.get(&ecosystem));
        if let Some(message) = siblings.and_then(|keys| covers_less(&group.pattern, keys)) {
            findings.push(Finding::warning(subject, message));
        }
    }
}

/// Names of the house that a public registry is asked for, since that is only observed.
pub(super) fn check_observed(
    hierarchy: &Hierarchy,
    screens: &[Screen],
    findings: &mut Vec<Finding>,
) {
    let groups = hierarchy.groups().iter().zip(screens).enumerate();
    for (at, (group, screen)) in groups {
        let is_proxied = group.pattern.ecosystem().is_none_or(Ecosystem::is_proxied);
        if is_proxied && hierarchy.claims(at) && screen.observes(Control::External) {
            let setter = screen.observed.setter;
            let message = match setter == at {
                true => String::from("`observe` lists external"),
                false => format!(
                    "`observe` is inherited from {} and lists external",
                    hierarchy.group(setter).pattern.as_str()
                ),
            };
            let subject = group.pattern.as_str();
            let rest = ": the names that this group claims leave the house and may come from a \
                        public registry; set `observe` without it to keep them in";
            findings.push(Finding::warning(subject, message + rest));
        }
    }
}

fn changes_nothing(hierarchy: &Hierarchy, group: &Group) -> Option<String> {
    let parent = hierarchy.group(group.parent?).pattern.as_str();
    let inherits = CONTROLS
        .iter()
        .all(|control| group.own.at(*control).is_none());
    inherits.then(|| {
        format!("every control is inherited from {parent}: the group only catches imitations")
    })
}

fn matches_nothing(pattern: &Pattern) -> Option<String> {
    let special: &[char] = match pattern.ecosystem() {
        Some(Ecosystem::Maven) => &[],
        Some(Ecosystem::Generic) => &['~', '+'],
        _ => &['~', '!', '\'', '(', ')'],
    };
    let legal = |character: char| {
        character.is_ascii_alphanumeric()
            || matches!(character, '.' | '_' | '-' | '/')
            || special.contains(&character)
    };
    let character = pattern.key().chars().find(|character| !legal(*character))?;
    Some(format!(
        "no package has {character:?} in its name: the group catches only imitations"
    ))
}

/// A way in from public registries for packages that no public registry has.
fn opens_nothing(group: &Group) -> Option<&'static str> {
    let is_proxied = group.pattern.ecosystem()?.is_proxied();
    let external = group.own.at(Control::External).as_ref()?;
    let opens = !is_proxied && !external.blocks_all();
    opens.then_some("`external` opens nothing: generic packages come from no public registry")
}

/// `/maven/com.amazon~` does not cover `com.amazonaws`: another group that speaks of the longer
/// word suggests that both were meant.
fn covers_less(pattern: &Pattern, keys: &BTreeSet<&str>) -> Option<String> {
    let word = pattern.key();
    if word.is_empty() || word.contains('/') {
        return None;
    }
    let longer = ["0", "A", "a"].into_iter().find_map(|first| {
        let from = format!("{word}{first}");
        let key = keys
            .range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded))
            .next()?;
        let rest = key.strip_prefix(word)?;
        rest.chars().next().is_some_and(is_word).then_some(*key)
    })?;
    let longer = longer
        .split_once('/')
        .map_or(longer, |(namespace, _)| namespace);
    Some(format!(
        "{longer:?} is not covered, though it begins with {word:?}: ~ ends at punctuation; \
         add a group for it if both were meant"
    ))
}
