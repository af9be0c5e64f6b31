//! Building an index: records in, in any order; of each id the last modified counts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Ecosystem, PackageName, VersionKey};

use super::interval::{self, Interval};
use super::record::SUMMARY_BYTES_MAX;
use super::store::{Entry, Header, Slice, Tables, place};
use super::{Advisories, AdvisoryRecord, AffectedPackage, Affects, Fault, RangeEvent, Score};

/// Takes records and becomes an [`Advisories`]. Several can be filled apart and joined.
#[derive(Debug, Default)]
pub struct AdvisoriesBuilder {
    tables: Tables,
    /// The package of each entry of the tables.
    names: Vec<PackageName>,
}

/// What one affected package comes to.
struct Reading<'a> {
    intervals: Vec<Interval<&'a str>>,
    listed: Vec<&'a str>,
    fixed: Vec<&'a str>,
    affects: Affects,
}

impl AdvisoriesBuilder {
    /// Adds a record; what could not be understood of it is returned, the rest is in force.
    pub fn add(&mut self, record: &AdvisoryRecord<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (bytes, items) = size(record);
        if self.tables.has_room(bytes, items) {
            self.push(record, &mut faults);
        } else {
            faults.push(Fault {
                field: "id".to_owned(),
                message: "there is no room for more records".to_owned(),
            });
        }
        faults
    }

    /// Adds all that another builder took; `false`, and nothing, if there is no room for it.
    #[must_use]
    pub fn append(&mut self, other: Self) -> bool {
        let appended = self.tables.append(other.tables);
        if appended {
            self.names.extend(other.names);
        }
        appended
    }

    /// How many records were taken.
    pub fn len(&self) -> usize {
        self.tables.headers.len()
    }

    /// Whether none was taken.
    pub fn is_empty(&self) -> bool {
        self.tables.headers.is_empty()
    }

    /// Makes the index.
    pub fn finish(self) -> Advisories {
        let Self { mut tables, names } = self;
        let places = current(&mut tables);
        let entries = std::mem::take(&mut tables.entries).into_iter().zip(names);
        let mut kept: Vec<(PackageName, Entry)> = entries
            .filter_map(|(entry, name)| {
                let header = places[entry.header as usize]?;
                let in_force = !tables.headers[header as usize].withdrawn;
                in_force.then_some((name, Entry { header, ..entry }))
            })
            .collect();
        // Stable, so that a package's advisories stay in the order of their ids.
        kept.sort_by_key(|(_name, entry)| entry.header);
        kept.sort_by(|left, right| left.0.cmp(&right.0));
        let mut packages = HashMap::with_capacity(kept.len());
        for (place, (name, entry)) in (0_u32..).zip(kept) {
            tables.entries.push(entry);
            let slice = packages.entry(name).or_insert(Slice {
                start: place,
                count: 0,
            });
            slice.count += 1;
        }
        packages.shrink_to_fit();
        tables.shrink();
        let withdrawn = (0_u32..)
            .zip(&tables.headers)
            .filter_map(|(place, header)| header.withdrawn.then_some(place))
            .collect();
        Advisories {
            tables,
            packages,
            withdrawn,
        }
    }

    fn push(&mut self, record: &AdvisoryRecord<'_>, faults: &mut Vec<Fault>) {
        let header = self.tables.headers.len();
        let id = self.tables.push_text(record.id);
        let summary = self.tables.push_text(&one_line(record.summary));
        self.tables.headers.push(Header {
            id,
            summary,
            published: seconds(record.published),
            modified: seconds(record.modified),
            kind: record.kind,
            withdrawn: record.withdrawn,
        });
        if record.withdrawn {
            return;
        }
        for affected in &record.affected {
            if let Some(reading) = read(affected, faults) {
                let entry = self.entry(header, affected.severity, &reading);
                self.tables.entries.push(entry);
                self.names.push(affected.package.clone());
            }
        }
    }

    fn entry(&mut self, header: usize, severity: Option<Score>, reading: &Reading<'_>) -> Entry {
        let start = self.tables.intervals.len();
        for interval in &reading.intervals {
            let stored = interval.map(|text| self.tables.push_text(text));
            self.tables.intervals.push(stored);
        }
        Entry {
            header: place(header),
            intervals: Slice::since(start, self.tables.intervals.len()),
            listed: self.versions(&reading.listed),
            fixed: self.versions(&reading.fixed),
            severity,
            affects: reading.affects,
        }
    }

    fn versions(&mut self, versions: &[&str]) -> Slice {
        let start = self.tables.versions.len();
        for version in versions {
            let text = self.tables.push_text(version);
            self.tables.versions.push(text);
        }
        Slice::since(start, self.tables.versions.len())
    }
}

/// What is affected of a package; `None`, with a fault, if the entry names no version.
fn read<'a>(affected: &AffectedPackage<'a>, faults: &mut Vec<Fault>) -> Option<Reading<'a>> {
    let ecosystem = affected.package.ecosystem();
    let mut intervals = Vec::new();
    for (place, events) in affected.ranges.iter().enumerate() {
        let range = interval::read(ecosystem, events);
        if let Some(message) = fault(range.as_ref(), !affected.versions.is_empty()) {
            faults.push(Fault {
                field: format!("affected[{}].ranges[{place}]", affected.index),
                message,
            });
        }
        match range {
            // The list says the same in words that can be read.
            Some(range) if range.unread.is_some() && !affected.versions.is_empty() => {}
            Some(range) => intervals.extend(range.intervals),
            None => {}
        }
    }
    let fixed = affected.ranges.iter().flatten().filter_map(fixed).collect();
    if intervals.iter().any(Interval::is_everything) {
        return Some(Reading {
            intervals: Vec::new(),
            listed: Vec::new(),
            fixed,
            affects: Affects::All,
        });
    }
    if intervals.is_empty() && affected.versions.is_empty() {
        faults.push(Fault {
            field: format!("affected[{}]", affected.index),
            message: "names no version of the package: it affects nothing".to_owned(),
        });
        return None;
    }
    let affects = match intervals.is_empty() {
        true => Affects::Listed,
        false => Affects::Ranges,
    };
    Some(Reading {
        listed: outside(ecosystem, &affected.versions, &intervals),
        intervals,
        fixed,
        affects,
    })
}

fn fault(range: Option<&interval::Range<'_>>, listed: bool) -> Option<String> {
    let Some(range) = range else {
        return Some("introduces nothing: the range is not used".to_owned());
    };
    let unread = range.unread?;
    let made = match listed {
        true => "the list of versions is used instead",
        false => "the range is taken to have no such bound",
    };
    Some(format!("{unread:?} is not a version: {made}"))
}

const fn fixed<'a>(event: &RangeEvent<'a>) -> Option<&'a str> {
    match event {
        RangeEvent::Fixed(version) => Some(version),
        _ => None,
    }
}

/// The listed versions that the intervals don't hold already: databases write both.
fn outside<'a>(
    ecosystem: Ecosystem,
    versions: &[&'a str],
    intervals: &[Interval<&'a str>],
) -> Vec<&'a str> {
    if intervals.is_empty() {
        return versions.to_vec();
    }
    let key = |text: &&'a str| VersionKey::new(ecosystem, text);
    let intervals: Vec<_> = intervals.iter().map(|interval| interval.map(key)).collect();
    let is_outside = |version: &&&'a str| {
        let version = key(version);
        !intervals.iter().any(|interval| interval.contains(&version))
    };
    versions.iter().filter(is_outside).copied().collect()
}

/// Keeps of each id the header modified last, in the order of ids, and returns for each old place
/// the new one. Of two of one moment the withdrawn one counts: it can only have come later.
fn current(tables: &mut Tables) -> Vec<Option<u32>> {
    let headers = std::mem::take(&mut tables.headers);
    let mut places: Vec<Option<u32>> = vec![None; headers.len()];
    let mut sorted: Vec<(usize, Header)> = headers.into_iter().enumerate().collect();
    sorted.sort_by(|(_, left), (_, right)| {
        let ids = tables.text(left.id).cmp(tables.text(right.id));
        ids.then_with(|| right.modified.cmp(&left.modified))
            .then_with(|| right.withdrawn.cmp(&left.withdrawn))
    });
    sorted.dedup_by(|(_, later), (_, first)| tables.text(later.id) == tables.text(first.id));
    for (new, (old, header)) in sorted.into_iter().enumerate() {
        places[old] = Some(place(new));
        tables.headers.push(header);
    }
    places
}

/// How many bytes of text and how many items a record can come to at most.
fn size(record: &AdvisoryRecord<'_>) -> (usize, usize) {
    let mut bytes = record.id.len() + record.summary.len();
    let mut items = 1;
    for affected in &record.affected {
        let events = affected.ranges.iter().flatten();
        let events = events.map(|event| event.version());
        for version in events.chain(affected.versions.iter().copied()) {
            // An event may be the end of one interval, the beginning of another, and a fix.
            bytes += 3 * version.len();
            items += 3;
        }
    }
    (bytes, items)
}

fn seconds(moment: Option<SystemTime>) -> u32 {
    let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}

/// The summary without control characters, not longer than is kept.
fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let text = &text[..text.floor_char_boundary(SUMMARY_BYTES_MAX)];
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, " ")),
        false => Cow::Borrowed(text),
    }
}
