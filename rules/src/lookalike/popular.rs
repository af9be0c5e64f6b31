//! The popular names of one ecosystem, and the front door of the check.

use std::sync::OnceLock;
use std::time::SystemTime;

use super::catalogue::Catalogue;
use super::evidence::FEATURES;
use super::internal::InternalNames;
use super::judge;
use super::list::{self, Heading, LIST_BYTES_MAX, ListError, MAGIC, NAMES_MAX, NameList};
use super::model::Model;
use super::ranked;
use super::squash::Squashed;
use super::words::Words;
use super::{LookAlike, Severity};
use crate::stable::StableHash;
use crate::{Ecosystem, PackageName, moment};

/// The longest source that a list carries, in characters.
const SOURCE_LENGTH_MAX: usize = 200;

/// An immutable list of popular names, compiled for comparison.
///
/// A list that an operator brings is read once by [`Self::from_bytes`], kept on disk as [`Self::encode`]
/// writes it, and read from there at every start by [`Self::decode`].
///
/// ```
/// use rules::Ecosystem;
/// use rules::lookalike::Popular;
///
/// let theirs = br#"{"last_update": "2026-11-01 09:31:18", "rows": [
///     {"project": "boto3", "download_count": 1880218825},
///     {"project": "packaging", "download_count": 1577819710}
/// ]}"#;
/// let popular = Popular::from_bytes(Ecosystem::Pypi, theirs).unwrap().with_source("top.json");
/// assert_eq!((popular.date(), popular.source(), popular.len()), ("2026-11-01", "top.json", 2));
/// let kept = Popular::decode(&popular.encode()).unwrap();
/// assert_eq!(kept.digest(), popular.digest());
/// ```
pub struct Popular {
    date: String,
    source: String,
    left_out: usize,
    digest: u64,
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
    /// The list that ships inside the binary, compiled at the first call. That of generic names is
    /// empty.
    pub fn embedded(ecosystem: Ecosystem) -> &'static Self {
        static LISTS: [OnceLock<Popular>; Ecosystem::ALL.len()] =
            [const { OnceLock::new() }; Ecosystem::ALL.len()];
        LISTS[ecosystem as usize].get_or_init(|| {
            // A test holds that the embedded lists can be read; what is not there is empty.
            let read = Self::decode(embedded_bytes(ecosystem));
            let list = read.unwrap_or_else(|_| Self::compile(ecosystem, NameList::default()));
            list.with_source("embedded")
        })
    }

    /// Reads a ranked list in any of the formats of the module [`ranked`](super): names on lines,
    /// CSV or TSV, JSON, or the compact file. The content tells which it is.
    ///
    /// Names that the ecosystem forbids are left out if they are few, and so is what is beyond
    /// [`NAMES_MAX`]: see [`Self::left_out`]. The date is what the list tells of itself.
    pub fn from_bytes(ecosystem: Ecosystem, bytes: &[u8]) -> Result<Self, ListError> {
        if bytes.starts_with(MAGIC.as_bytes()) {
            let read = Self::decode(bytes)?;
            let found = read.ecosystem();
            return match found == ecosystem {
                true => Ok(read),
                false => Err(ListError::Ecosystem {
                    expected: ecosystem,
                    found,
                }),
            };
        }
        check_length(bytes)?;
        let ranking = ranked::read(ecosystem, bytes)?;
        let names = ranking.names.iter().map(String::as_str);
        let mut popular = Self::from_ranked(ecosystem, ranking.date, names);
        popular.left_out = ranking.illegal + ranking.names.len().saturating_sub(NAMES_MAX);
        Ok(popular)
    }

    /// Compiles names that come in order of rank, the first is the most popular.
    ///
    /// The list is cut at [`NAMES_MAX`] names.
    pub fn from_ranked<'a>(
        ecosystem: Ecosystem,
        date: impl Into<String>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::compile(ecosystem, NameList::new(names)).with_date(&date.into())
    }

    /// Reads the compact file that [`Self::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ListError> {
        check_length(bytes)?;
        let (heading, list) = NameList::decode(bytes)?;
        let popular = Self::compile(heading.ecosystem, list);
        Ok(popular
            .with_date(&heading.date)
            .with_source(&heading.source))
    }

    /// Writes the compact file, with date and source.
    pub fn encode(&self) -> Vec<u8> {
        self.catalogue.list.encode(&Heading {
            ecosystem: self.ecosystem(),
            date: self.date.clone(),
            source: self.source.clone(),
        })
    }

    /// With this day instead; what stands behind white space is left out.
    #[must_use]
    pub fn with_date(mut self, date: &str) -> Self {
        let mut words = date.split_whitespace();
        self.date = words.next().unwrap_or_default().to_owned();
        self
    }

    /// With the place that the list came from, in words for humans: a file, a package and its version.
    #[must_use]
    pub fn with_source(mut self, source: &str) -> Self {
        let shown = source.chars().filter(|character| !character.is_control());
        let shown: String = shown.take(SOURCE_LENGTH_MAX).collect();
        self.source = shown.trim().to_owned();
        self
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

    /// The day the list describes, as its source writes it (`2026-09-23`); empty if it is not known.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The same as a moment, if it is known and can be read.
    pub fn dated(&self) -> Option<SystemTime> {
        match self.date.len() {
            10 => moment::read(&format!("{}T00:00:00Z", self.date)),
            _ => moment::read(&self.date),
        }
    }

    /// Where the list came from: `embedded`, or what [`Self::with_source`] was told.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A number that differs when the names or their order do; the same in every process.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// How many names [`Self::from_bytes`] found but did not take: illegal ones, and those too many.
    pub const fn left_out(&self) -> usize {
        self.left_out
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
    fn compile(ecosystem: Ecosystem, list: NameList) -> Self {
        let others = Ecosystem::PROXIED
            .into_iter()
            .filter(|&other| other != ecosystem);
        let others = others.filter_map(|other| list::names_of(embedded_bytes(other)).ok());
        let others: Vec<_> = others.flatten().map(|(_, name)| name).collect();
        let words = Words::build(others.iter().map(String::as_str).chain(list.iter()));
        Self {
            date: String::new(),
            source: String::new(),
            left_out: 0,
            digest: digest(&list),
            catalogue: Catalogue::new(ecosystem, false, list, &[]),
            words,
        }
    }
}

fn digest(list: &NameList) -> u64 {
    let mut hash = StableHash::new();
    list.iter().for_each(|name| hash.text(name));
    hash.value()
}

const fn check_length(bytes: &[u8]) -> Result<(), ListError> {
    match bytes.len() > LIST_BYTES_MAX {
        true => Err(ListError::TooLong(bytes.len())),
        false => Ok(()),
    }
}

const fn embedded_bytes(ecosystem: Ecosystem) -> &'static [u8] {
    match ecosystem {
        Ecosystem::Npm => include_bytes!("lists/npm.names"),
        Ecosystem::Pypi => include_bytes!("lists/pypi.names"),
        Ecosystem::Maven => include_bytes!("lists/maven.names"),
        Ecosystem::Generic => b"",
    }
}
