//! The JSON of an OSV record (schema 1.x), read into an [`AdvisoryRecord`] that borrows from it.
//!
//! Fields that decide what is affected must be as the schema says; the others (severity, times,
//! `database_specific`) may be anything, and cost only themselves. `null` is taken for absence,
//! since databases write it.

use std::borrow::Cow;
use std::ops::Deref;
use std::time::SystemTime;

use rules::{Ecosystem, PackageName};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use rules::advisories::{AdvisoryKind, AdvisoryRecord, AffectedPackage, Fault, RangeEvent, Score};
use rules::moment;

use super::severity;

/// The prefix of the OpenSSF collection's ids.
const MALWARE_PREFIX: &str = "MAL-";

/// A text of the record, borrowed unless it has escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The record, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    modified: Option<Text<'a>>,
    #[serde(borrow)]
    published: Option<Text<'a>>,
    #[serde(borrow)]
    withdrawn: Option<Text<'a>>,
    #[serde(borrow)]
    aliases: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    #[serde(borrow)]
    affected: Option<Vec<Affected<'a>>>,
    #[serde(borrow)]
    database_specific: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Affected<'a> {
    /// Absent where only commits are affected.
    #[serde(borrow)]
    package: Option<Package<'a>>,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    #[serde(borrow)]
    ranges: Option<Vec<Range<'a>>>,
    #[serde(borrow)]
    versions: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    ecosystem_specific: Option<&'a RawValue>,
    #[serde(borrow)]
    database_specific: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    ecosystem: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Range<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

/// One event; the schema of 2021 allowed several in one object.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    introduced: Option<Text<'a>>,
    #[serde(borrow)]
    fixed: Option<Text<'a>>,
    #[serde(borrow)]
    last_affected: Option<Text<'a>>,
    #[serde(borrow)]
    limit: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Origins {
    #[serde(rename = "malicious-packages-origins")]
    origins: Option<IgnoredAny>,
}

impl<'a> Record<'a> {
    /// Reads the JSON of one record.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, Fault> {
        serde_json::from_slice(json).map_err(|error| explain(json, &error))
    }

    /// The record for the index, and what had to be left out of it. `None` if it concerns no
    /// package of our ecosystems.
    pub(super) fn advisory(
        &self,
        folder_withdrawn: bool,
        faults: &mut Vec<Fault>,
    ) -> Option<AdvisoryRecord<'_>> {
        let affected = self.affected.as_deref().unwrap_or_default();
        let ours = |affected: &Affected<'_>| affected.ecosystem().is_some();
        if !affected.iter().any(ours) && !self.is_stub() {
            return None;
        }
        let word = self.database_specific.and_then(severity::from_word);
        let general = self.severity.and_then(severity::from_vectors).or(word);
        let affected = affected
            .iter()
            .enumerate()
            .filter_map(|(index, affected)| affected.read(index, general, faults))
            .collect();
        let mut time = |field: &str, text: &Option<Text<'_>>| time(field, text.as_ref()?, faults);
        Some(AdvisoryRecord {
            id: &self.id,
            kind: self.kind(),
            summary: self.summary.as_deref().unwrap_or_default(),
            published: time("published", &self.published),
            modified: time("modified", &self.modified),
            withdrawn: folder_withdrawn || self.withdrawn.is_some(),
            affected,
        })
    }

    /// A record taken back may have lost its packages; it still takes back.
    fn is_stub(&self) -> bool {
        self.withdrawn.is_some() && self.affected.as_ref().is_none_or(Vec::is_empty)
    }

    fn kind(&self) -> AdvisoryKind {
        let aliases = self.aliases.as_deref().unwrap_or_default();
        let collected = |field: &RawValue| {
            let read = serde_json::from_str(field.get());
            read.is_ok_and(|specific: Origins| specific.origins.is_some())
        };
        let malware = self.id.starts_with(MALWARE_PREFIX)
            || aliases
                .iter()
                .any(|alias| alias.starts_with(MALWARE_PREFIX))
            || self.database_specific.is_some_and(collected);
        match malware {
            true => AdvisoryKind::Malware,
            false => AdvisoryKind::Vulnerability,
        }
    }
}

impl Affected<'_> {
    /// One of ours, without what follows a colon: for Maven that is the address of a repository
    /// that is not the usual one, and coordinates mean the same everywhere.
    fn ecosystem(&self) -> Option<Ecosystem> {
        let text = &self.package.as_ref()?.ecosystem;
        let name = text.split_once(':').map_or(&**text, |(name, _suffix)| name);
        Ecosystem::PROXIED
            .into_iter()
            .find(|ecosystem| name.eq_ignore_ascii_case(ecosystem.as_str()))
    }

    fn read(
        &self,
        index: usize,
        general: Option<Score>,
        faults: &mut Vec<Fault>,
    ) -> Option<AffectedPackage<'_>> {
        let ecosystem = self.ecosystem()?;
        let name = &self.package.as_ref()?.name;
        let package = match PackageName::parse(ecosystem, name) {
            Ok(package) => package,
            Err(error) => {
                faults.push(Fault {
                    field: format!("affected[{index}].package.name"),
                    message: error.to_string(),
                });
                return None;
            }
        };
        let ranges = self.ranges.as_deref().unwrap_or_default();
        let versions = self.versions.as_deref().unwrap_or_default();
        Some(AffectedPackage {
            index,
            package,
            severity: self.severity().or(general),
            ranges: ranges.iter().filter_map(Range::read).collect(),
            versions: versions.iter().map(Deref::deref).collect(),
        })
    }

    fn severity(&self) -> Option<Score> {
        let specific = self.database_specific.or(self.ecosystem_specific);
        let vectors = self.severity.and_then(severity::from_vectors);
        vectors.or_else(|| specific.and_then(severity::from_word))
    }
}

impl<'a> Range<'a> {
    /// The events; commits (type `GIT`) are no versions, and types to come are unknown.
    fn read(&self) -> Option<Vec<RangeEvent<'_>>> {
        ["SEMVER", "ECOSYSTEM"]
            .contains(&&*self.kind)
            .then(|| self.events.iter().flat_map(Event::read).collect())
    }
}

impl Event<'_> {
    fn read(&self) -> impl Iterator<Item = RangeEvent<'_>> {
        let events = [
            self.introduced.as_deref().map(RangeEvent::Introduced),
            self.fixed.as_deref().map(RangeEvent::Fixed),
            self.last_affected.as_deref().map(RangeEvent::LastAffected),
            self.limit.as_deref().map(RangeEvent::Limit),
        ];
        events.into_iter().flatten()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

fn time(field: &str, text: &str, faults: &mut Vec<Fault>) -> Option<SystemTime> {
    let time = moment::read(text);
    if time.is_none() {
        faults.push(Fault {
            field: field.to_owned(),
            message: format!("{text:.40?} is not a time as RFC 3339 writes it"),
        });
    }
    time
}

/// Reads a bad record once more, slower, to learn which field is bad.
fn explain(json: &[u8], error: &serde_json::Error) -> Fault {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let outcome: Result<Record<'_>, _> = serde_path_to_error::deserialize(&mut reader);
    let field = match outcome {
        // The whole record has the path `.`.
        Err(failure) if error.is_data() => failure.path().to_string(),
        _ => String::new(),
    };
    let field = if field == "." { String::new() } else { field };
    let mut message = error.to_string();
    message.truncate(message.floor_char_boundary(200));
    Fault { field, message }
}
