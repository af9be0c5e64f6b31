//! Several repositories' packuments as one: which versions are there, and where the tags point.

use std::cmp::Ordering;
use std::collections::hash_map::{Entry as Slot, HashMap};

use rules::Ecosystem;

use super::packument::{Packument, Version};
use crate::protocol::{Body, Listed, Part, Shown, Unrenderable};

/// What the parts say together. The nearest part that lists a version decides about it.
pub(super) struct Merged<'a> {
    /// Nearest first.
    pub packuments: Vec<&'a Packument>,
    /// The versions that are shown, in the order of the documents.
    pub kept: Vec<Entry<'a>>,
    /// For each packument: the names of its versions that are in `kept`, each at its place.
    shown: Vec<Vec<Option<&'a str>>>,
    standings: HashMap<&'a str, Standing<'a>>,
    tags: Vec<(&'a str, &'a str)>,
}

/// A version that is shown, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub version: &'a Version,
    /// The place of its document in `packuments`.
    pub packument: usize,
    /// What is to be told of it.
    pub warning: Option<&'a str>,
}

#[derive(Clone, Copy)]
enum Standing<'a> {
    /// The place in `kept`.
    Kept(usize),
    /// And why.
    Withheld(&'a str),
}

impl<'a> Merged<'a> {
    pub fn new(parts: &[Part<'a>]) -> Self {
        let mut merged = Self {
            packuments: Vec::new(),
            kept: Vec::new(),
            shown: Vec::new(),
            standings: HashMap::new(),
            tags: Vec::new(),
        };
        for part in parts {
            merged.add(part);
        }
        merged
    }

    fn add(&mut self, part: &Part<'a>) {
        let packument = match &part.index.body {
            Body::Npm(packument) => packument,
            // Another ecosystem's document has nothing for us.
            #[allow(unreachable_patterns)]
            _ => return,
        };
        let place = self.packuments.len();
        self.packuments.push(packument);
        self.kept.reserve(packument.versions.len());
        self.standings.reserve(packument.versions.len());
        let versions = part
            .index
            .versions
            .iter()
            .zip(&packument.versions)
            .zip(part.shown);
        let judge = |((listed, version), shown)| self.judge(listed, version, shown, place);
        let shown = versions.map(judge).collect();
        self.shown.push(shown);
        let nearer = self.tags.len();
        for (tag, target) in &packument.tags {
            if !self.tags[..nearer].iter().any(|(known, _)| known == tag) {
                self.tags.push((tag, target));
            }
        }
    }

    /// Takes a version in, unless a nearer part did; its name if it is shown out of this one.
    fn judge(
        &mut self,
        listed: &'a Listed,
        version: &'a Version,
        shown: &'a Shown,
        packument: usize,
    ) -> Option<&'a str> {
        let name = listed.version.as_str();
        if shown.is_absent() {
            return None;
        }
        let Slot::Vacant(standing) = self.standings.entry(name) else {
            return None;
        };
        let warning = match shown {
            Shown::Keep | Shown::Only(_) => None,
            Shown::Warn(sentence) => Some(sentence.as_str()),
            Shown::Withhold(sentence) => {
                standing.insert(Standing::Withheld(sentence));
                return None;
            }
        };
        standing.insert(Standing::Kept(self.kept.len()));
        self.kept.push(Entry {
            name,
            version,
            packument,
            warning,
        });
        Some(name)
    }

    /// The name of the version at `place` of a document, if it is shown out of that one.
    pub fn shows(&self, packument: usize, place: usize) -> Option<&'a str> {
        self.shown.get(packument)?.get(place).copied().flatten()
    }

    /// The version, or why it is not shown.
    pub fn find(&self, name: &str) -> Result<Entry<'a>, Unrenderable> {
        match self.standings.get(name) {
            Some(Standing::Kept(place)) => Ok(self.kept[*place]),
            Some(Standing::Withheld(sentence)) => {
                Err(Unrenderable::Withheld((*sentence).to_owned()))
            }
            None => Err(Unrenderable::Absent),
        }
    }

    /// What a tag points at in the documents, before any re-pointing.
    pub fn target(&self, tag: &str) -> Option<&'a str> {
        self.tags
            .iter()
            .find(|(name, _)| *name == tag)
            .map(|(_, target)| *target)
    }

    /// Fails if there is nothing to show: no document, or every version withheld.
    ///
    /// The most telling sentence is that of `latest`, else that of the highest version.
    pub fn check_shown(&self) -> Result<(), Unrenderable> {
        if self.packuments.is_empty() {
            return Err(Unrenderable::Absent);
        }
        if !self.kept.is_empty() || self.standings.is_empty() {
            return Ok(());
        }
        let highest = self
            .standings
            .keys()
            .copied()
            .max_by(|left, right| order(left, right));
        let telling = self
            .target("latest")
            .filter(|target| self.standings.contains_key(target));
        telling
            .or(highest)
            .map_or(Ok(()), |version| self.find(version).map(|_| ()))
    }

    /// The tags as they are shown: each at its target, or at the highest shown version below it.
    pub fn tags(&self) -> Vec<(&'a str, &'a str)> {
        let mut ladder = None;
        let mut shown = Vec::with_capacity(self.tags.len());
        for (tag, target) in &self.tags {
            let version = if self.find(target).is_ok() {
                Some(*target)
            } else {
                let ladder = ladder.get_or_insert_with(|| Ladder::new(&self.kept));
                // Without `latest` most clients find nothing at all, ranges included.
                let fallback = || if *tag == "latest" { ladder.top() } else { None };
                ladder.below(target).or_else(fallback)
            };
            shown.extend(version.map(|version| (*tag, version)));
        }
        shown
    }
}

/// The shown versions by precedence, lowest first.
struct Ladder<'a> {
    all: Vec<&'a str>,
    finals: Vec<&'a str>,
}

impl<'a> Ladder<'a> {
    fn new(kept: &[Entry<'a>]) -> Self {
        let mut all: Vec<&str> = kept.iter().map(|entry| entry.name).collect();
        all.sort_by(|left, right| order(left, right));
        let finals = all
            .iter()
            .copied()
            .filter(|version| !is_prerelease(version))
            .collect();
        Self { all, finals }
    }

    /// The highest version that is not above `target`; a pre-release only in place of another.
    fn below(&self, target: &str) -> Option<&'a str> {
        if !super::path::is_version(target) {
            return None;
        }
        let steps = if is_prerelease(target) {
            &self.all
        } else {
            &self.finals
        };
        let above = steps.partition_point(|version| order(version, target).is_le());
        steps.get(above.checked_sub(1)?).copied()
    }

    fn top(&self) -> Option<&'a str> {
        self.finals.last().or(self.all.last()).copied()
    }
}

fn order(left: &str, right: &str) -> Ordering {
    rules::compare(Ecosystem::Npm, left, right)
}

fn is_prerelease(version: &str) -> bool {
    rules::is_prerelease(Ecosystem::Npm, version)
}
