//! The tree of groups, and which group a package belongs to.
//!
//! A package belongs to the most specific group whose *folded* pattern covers its folded
//! coordinate; only then is it asked whether the match is strong. So an imitation is caught by the
//! group it imitates and does not fall through to a more general one.
//!
//! Every shape of pattern but `$` is a prefix that ends at a boundary. A package is therefore
//! looked up by cutting its coordinate at its boundaries, longest first: the cost depends on the
//! name, not on the number of groups.

use std::collections::HashMap;

use super::mode::{ControlTable, Mode};
use crate::decision::Control;
use crate::fold::{folded_key, is_boundary};
use crate::package::{Ecosystem, PackageName};
use crate::pattern::{Pattern, Strength};

/// One group, its inheritance resolved.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) pattern: Pattern,
    /// What the group itself says.
    pub(crate) own: ControlTable<Option<Mode>>,
    /// The most specific other group that covers all this one covers.
    pub(crate) parent: Option<usize>,
    /// For each control, the group whose word counts.
    setter: ControlTable<usize>,
}

/// All groups, found by position.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    groups: Vec<Group>,
    root: usize,
    indexes: HashMap<Ecosystem, Index>,
}

#[derive(Debug, Default)]
struct Index {
    exact: HashMap<String, Vec<usize>>,
    prefixes: HashMap<String, Vec<usize>>,
    /// The lengths that prefixes have, sorted: most cuts are ruled out without hashing.
    lengths: Vec<usize>,
}

impl Hierarchy {
    /// Builds the tree. Patterns differ and one of them is `/*`, which sets every control.
    pub(crate) fn new(groups: Vec<(Pattern, ControlTable<Option<Mode>>)>, root: usize) -> Self {
        let parents = Parents::new(&groups, root);
        let parents: Vec<_> = groups
            .iter()
            .enumerate()
            .map(|(at, (pattern, _))| parents.of(at, pattern))
            .collect();
        let own: Vec<_> = groups.iter().map(|(_, own)| own).collect();
        let setters: Vec<_> = (0..groups.len())
            .map(|at| ControlTable::from_fn(|control| setter(at, control, &own, &parents, root)))
            .collect();
        let groups: Vec<_> = groups
            .into_iter()
            .zip(parents)
            .zip(setters)
            .map(|(((pattern, own), parent), setter)| Group {
                pattern,
                own,
                parent,
                setter,
            })
            .collect();
        let mut indexes = HashMap::new();
        for ecosystem in Ecosystem::ALL {
            indexes.insert(ecosystem, Index::new(&groups, ecosystem));
        }
        Self {
            groups,
            root,
            indexes,
        }
    }

    /// The group of a package, and how closely it matches.
    pub(crate) fn associate(&self, package: &PackageName) -> (usize, Strength) {
        let coordinate = package.coordinate();
        let folded = folded_key(package.namespace(), package.name());
        self.indexes
            .get(&package.ecosystem())
            .and_then(|index| index.candidates(&folded))
            .and_then(|candidates| self.choose(candidates, coordinate))
            .unwrap_or((self.root, Strength::Strong))
    }

    /// Among groups that are equal once folded: a strong one, the longest first; else any, and
    /// the first is as good as another, since a weak match is refused whichever it is.
    fn choose(&self, candidates: &[usize], coordinate: &str) -> Option<(usize, Strength)> {
        let strong = candidates
            .iter()
            .copied()
            .filter(|at| self.group(*at).pattern.is_strong(coordinate))
            .max_by_key(|at| self.group(*at).pattern.key().len());
        match strong {
            Some(at) => Some((at, Strength::Strong)),
            None => candidates.first().map(|at| (*at, Strength::Weak)),
        }
    }

    pub(crate) fn group(&self, at: usize) -> &Group {
        &self.groups[at]
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The mode in force for a group, and the position of the group that set it.
    pub(crate) fn effective(&self, at: usize, control: Control) -> (&Mode, usize) {
        let setter = *self.group(at).setter.at(control);
        // The root sets every control, so that the search for a setter always succeeds.
        (
            self.group(setter)
                .own
                .at(control)
                .as_ref()
                .unwrap_or(&Mode::Allow),
            setter,
        )
    }

    /// Whether a group keeps its names in the house: never from outside, but published here.
    pub(crate) fn claims(&self, at: usize) -> bool {
        let blocked = |control| self.effective(at, control).0.blocks_all();
        blocked(Control::External) && !blocked(Control::Publish)
    }

    /// The group and its ancestors, the root last.
    pub(crate) fn path(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |at| self.group(*at).parent)
    }
}

impl Index {
    fn new(groups: &[Group], ecosystem: Ecosystem) -> Self {
        let mut index = Self::default();
        let mut positions: Vec<usize> = (0..groups.len())
            .filter(|at| groups[*at].pattern.ecosystem() == Some(ecosystem))
            .collect();
        // The order must not depend on the order in the configuration (case A6).
        positions.sort_by_key(|at| groups[*at].pattern.as_str());
        for at in positions {
            let pattern = &groups[at].pattern;
            let map = if pattern.is_exact() {
                &mut index.exact
            } else {
                &mut index.prefixes
            };
            map.entry(pattern.folded().to_owned()).or_default().push(at);
        }
        index.lengths = index.prefixes.keys().map(String::len).collect();
        index.lengths.sort_unstable();
        index.lengths.dedup();
        index
    }

    /// The groups with the most specific folded pattern that covers the folded coordinate.
    fn candidates(&self, folded: &str) -> Option<&[usize]> {
        if let Some(found) = self.exact.get(folded) {
            return Some(found);
        }
        let lengths = self.lengths.iter().rev().copied();
        lengths
            .skip_while(|length| *length > folded.len())
            .filter(|length| *length == 0 || is_boundary(folded, *length))
            .find_map(|length| self.prefixes.get(folded.get(..length)?))
            .map(Vec::as_slice)
    }
}

/// Looks up parents by what patterns say literally: a group inherits only from groups whose
/// packages include its own.
struct Parents<'a> {
    prefixes: HashMap<(Ecosystem, &'a str), usize>,
    root: usize,
}

impl<'a> Parents<'a> {
    fn new(groups: &'a [(Pattern, ControlTable<Option<Mode>>)], root: usize) -> Self {
        let prefixes = groups
            .iter()
            .enumerate()
            .filter(|(_, (pattern, _))| !pattern.is_exact())
            .filter_map(|(at, (pattern, _))| Some(((pattern.ecosystem()?, pattern.key()), at)))
            .collect();
        Self { prefixes, root }
    }

    fn of(&self, at: usize, pattern: &Pattern) -> Option<usize> {
        if at == self.root {
            return None;
        }
        let key = pattern.key();
        let ecosystem = pattern.ecosystem()?;
        // A prefix covers itself, but is not its own parent.
        (0..=key.len())
            .rev()
            .filter(|cut| *cut == 0 || is_boundary(key, *cut))
            .filter_map(|cut| self.prefixes.get(&(ecosystem, key.get(..cut)?)).copied())
            .find(|parent| *parent != at)
            .or(Some(self.root))
    }
}

fn setter(
    start: usize,
    control: Control,
    own: &[&ControlTable<Option<Mode>>],
    parents: &[Option<usize>],
    root: usize,
) -> usize {
    std::iter::successors(Some(start), |at| parents[*at])
        .find(|at| own[*at].at(control).is_some())
        .unwrap_or(root)
}
