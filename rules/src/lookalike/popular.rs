//! The popular names of one ecosystem, and the front door of the check.

use std::sync::OnceLock;

use super::catalogue::Catalogue;
use super::evidence::FEATURES;
use super::internal::InternalNames;
use super::judge;
use super::list::{ListError, NameList};
use super::model::Model;
use super::squash::Squashed;
use super::words::Words;
use super::{LookAlike, Severity};
use crate::{Ecosystem, PackageName};

/// An immutable list of popular names, compiled for comparison.
pub struct Popular {
    date: String,
    catalogue: Catalogue,
    words: Words,
}

/// What the model is told of one pair of names; for training, and for whoever wants to know why.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The listed name that is at most two edits away.
    pub target: String,
    /// Numbers by name.
    pub features: Vec<(&'static str, f32)>,
    /// What the model makes of them.
    pub score: f32,
}

impl Popular {
    /// The list that ships inside the binary, compiled at the first call.
    pub fn embedded(ecosystem: Ecosystem) -> &'static Self {
        static LISTS: [OnceLock<Popular>; 3] = [const { OnceLock::new() }; 3];
        LISTS[ecosystem as usize].get_or_init(|| {
            // A test holds that the embedded lists can be read.
            let list = NameList::decode(embedded_bytes(ecosystem));
            let (_, date, list) = list.unwrap_or((ecosystem, String::new(), NameList::default()));
            Self::compile(ecosystem, date, list)
        })
    }

    /// Compiles names that come in order of rank, the first is the most popular.
    ///
    /// The list is cut at [`super::NAMES_MAX`] names.
    pub fn from_ranked<'a>(
        ecosystem: Ecosystem,
        date: impl Into<String>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::compile(ecosystem, date.into(), NameList::new(names))
    }

    /// Reads the compact file that [`Self::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ListError> {
        let (ecosystem, date, list) = NameList::decode(bytes)?;
        Ok(Self::compile(ecosystem, date, list))
    }

    /// Writes the compact file.
    pub fn encode(&self) -> Vec<u8> {
        self.catalogue.list.encode(self.ecosystem(), &self.date)
    }

    /// Asks whether a name imitates a popular or an internal one. The surer finding is returned,
    /// of equal ones the internal.
    pub fn check(&self, name: &PackageName, internal: &InternalNames) -> Option<LookAlike> {
        debug_assert_eq!(name.ecosystem(), self.ecosystem());
        let ours = internal.catalogue(name.ecosystem());
        if self.catalogue.knows(name) || ours.is_some_and(|ours| ours.knows(name)) {
            return None;
        }
        let model = Model::embedded();
        let judge = |catalogue| judge::judge(catalogue, &self.words, model, name);
        let ours = ours.and_then(judge);
        if ours
            .as_ref()
            .is_some_and(|found| found.severity == Severity::Block)
        {
            return ours;
        }
        let public = judge(&self.catalogue);
        match (ours, public) {
            (Some(ours), Some(public)) if public.severity > ours.severity => Some(public),
            (ours, public) => ours.or(public),
        }
    }

    /// Whether the name is listed.
    pub fn contains(&self, name: &PackageName) -> bool {
        self.catalogue.position(name).is_some()
    }

    /// The rank of a listed name, 1 is the most popular.
    pub fn rank(&self, name: &PackageName) -> Option<usize> {
        self.catalogue.position(name).map(|place| place + 1)
    }

    /// The ecosystem of the list.
    pub const fn ecosystem(&self) -> Ecosystem {
        self.catalogue.ecosystem
    }

    /// The day the list describes, as its source writes it (`2026-09-23`).
    pub fn date(&self) -> &str {
        &self.date
    }

    /// How many names are listed.
    pub fn len(&self) -> usize {
        self.catalogue.list.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names in order of rank.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.catalogue.list.iter()
    }

    /// About how many bytes the compiled list takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.catalogue.heap_bytes() + self.words.heap_bytes()
    }

    /// What the model sees of a name, one sample for each near listed name.
    pub fn samples(&self, name: &PackageName) -> Vec<Sample> {
        let is_bare = name.namespace().is_empty() && !self.catalogue.knows(name);
        let squashed = Squashed::of(name.name()).filter(|_| is_bare);
        let mut samples = Vec::new();
        if let Some(squashed) = squashed {
            judge::near_names(&self.catalogue, &self.words, &squashed, |near| {
                samples.push(Sample {
                    target: self.catalogue.list.name(near.place).to_owned(),
                    features: FEATURES.into_iter().zip(near.features).collect(),
                    score: Model::embedded().score(&near.features),
                });
            });
        }
        samples
    }

    /// Words are counted over the shipped lists of the other ecosystems too: they are English.
    fn compile(ecosystem: Ecosystem, date: String, list: NameList) -> Self {
        let others = Ecosystem::ALL
            .into_iter()
            .filter(|&other| other != ecosystem);
        let others: Vec<_> = others
            .filter_map(|other| NameList::decode(embedded_bytes(other)).ok())
            .map(|(_, _, list)| list)
            .collect();
        let words = Words::build(others.iter().chain([&list]).flat_map(NameList::iter));
        Self {
            date,
            catalogue: Catalogue::new(ecosystem, false, list, &[]),
            words,
        }
    }
}

const fn embedded_bytes(ecosystem: Ecosystem) -> &'static [u8] {
    match ecosystem {
        Ecosystem::Npm => include_bytes!("lists/npm.names"),
        Ecosystem::Pypi => include_bytes!("lists/pypi.names"),
        Ecosystem::Maven => include_bytes!("lists/maven.names"),
    }
}
