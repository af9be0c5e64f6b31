//! Ranges of events turned into intervals, which can't be in disorder.
//!
//! OSV describes a range as a timeline of events in any order; the schema's section "Evaluation"
//! walks it for every version asked. Here it is walked once: what is left are intervals with a
//! beginning and an end.
//!
//! Two events at one version say nothing of their order. If the timeline is open there, it closes
//! first and may open again (`fixed 1`, `introduced 1` join); if it is closed, it opens first
//! (`introduced 1`, `last_affected 1` is one version).

use std::cmp::Ordering;

use crate::{Ecosystem, VersionKey};

use super::RangeEvent;

/// Versions from one on, up to another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interval<V> {
    /// `None` is the start of all versions.
    pub(super) from: Option<V>,
    pub(super) end: End<V>,
}

/// Where an interval ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End<V> {
    Never,
    Before(V),
    Through(V),
}

/// The intervals of one range.
pub(super) struct Range<'a> {
    pub(super) intervals: Vec<Interval<&'a str>>,
    /// A bound that the ecosystem's order can't place.
    pub(super) unread: Option<&'a str>,
}

/// A bound, kept next to its text so that it is read once.
struct Bound<'a> {
    event: RangeEvent<'a>,
    /// `None` is before all versions.
    key: Option<VersionKey<'a>>,
}

impl<'a> Interval<VersionKey<'a>> {
    pub(super) fn contains(&self, version: &VersionKey<'_>) -> bool {
        let begun = self.from.as_ref().is_none_or(|from| version >= from);
        begun
            && match &self.end {
                End::Never => true,
                End::Before(end) => version < end,
                End::Through(end) => version <= end,
            }
    }
}

impl<V> Interval<V> {
    pub(super) fn map<W>(&self, mut turn: impl FnMut(&V) -> W) -> Interval<W> {
        Interval {
            from: self.from.as_ref().map(&mut turn),
            end: match &self.end {
                End::Never => End::Never,
                End::Before(version) => End::Before(turn(version)),
                End::Through(version) => End::Through(turn(version)),
            },
        }
    }

    pub(super) const fn is_everything(&self) -> bool {
        self.from.is_none() && matches!(self.end, End::Never)
    }
}

/// Reads one range. `None` if nothing in it introduces anything: then it affects nothing.
///
/// A bound that can't be read widens the range: to the start of all versions, or without end.
pub(super) fn read<'a>(ecosystem: Ecosystem, events: &[RangeEvent<'a>]) -> Option<Range<'a>> {
    let introduced = |event: &RangeEvent<'_>| matches!(event, RangeEvent::Introduced(_));
    if !events.iter().any(introduced) {
        return None;
    }
    if let [RangeEvent::Introduced("0")] = events {
        // Nearly all of malware; no need to read versions.
        let everything = Interval {
            from: None,
            end: End::Never,
        };
        return Some(Range {
            intervals: vec![everything],
            unread: None,
        });
    }
    let mut unread = None;
    let mut bounds: Vec<Bound<'a>> = Vec::with_capacity(events.len());
    for event in events {
        bounds.extend(bound(ecosystem, *event, &mut unread));
    }
    bounds.sort_by(|left, right| left.key.cmp(&right.key));
    let intervals = below_limit(walk(&bounds), ecosystem, events);
    Some(Range { intervals, unread })
}

/// `None` for what does not bound anything: a limit, or an end that can't be read.
fn bound<'a>(
    ecosystem: Ecosystem,
    event: RangeEvent<'a>,
    unread: &mut Option<&'a str>,
) -> Option<Bound<'a>> {
    let text = event.version();
    let introduced = matches!(event, RangeEvent::Introduced(_));
    if introduced && text == "0" {
        return Some(Bound { event, key: None });
    }
    if matches!(event, RangeEvent::Limit("*")) {
        return None;
    }
    let key = VersionKey::new(ecosystem, text);
    if !is_readable(&key, ecosystem) {
        *unread = Some(text);
        return introduced.then_some(Bound { event, key: None });
    }
    let limit = matches!(event, RangeEvent::Limit(_));
    let key = Some(key);
    (!limit).then_some(Bound { event, key })
}

fn walk<'a>(bounds: &[Bound<'a>]) -> Vec<Interval<&'a str>> {
    let mut intervals = Vec::new();
    let mut open: Option<Option<&'a str>> = None;
    for here in bounds.chunk_by(|left, right| left.key == right.key) {
        let from = here[0].key.as_ref().map(VersionKey::text);
        let opening = here
            .iter()
            .any(|bound| matches!(bound.event, RangeEvent::Introduced(_)));
        let closing = closing(here);
        if let (Some(from), Some(end)) = (open, &closing) {
            intervals.push(Interval {
                from,
                end: end.clone(),
            });
            open = opening.then_some(here[0].key.as_ref().map(VersionKey::text));
        } else if let (None, true) = (open, opening) {
            match closing {
                Some(End::Through(last)) => intervals.push(Interval {
                    from,
                    end: End::Through(last),
                }),
                Some(_) => {}
                None => open = Some(from),
            }
        }
    }
    if let Some(from) = open {
        intervals.push(Interval {
            from,
            end: End::Never,
        });
    }
    intervals
}

/// What the events at one version close with; `last_affected` reaches further than `fixed`.
fn closing<'a>(here: &[Bound<'a>]) -> Option<End<&'a str>> {
    let mut end = None;
    for bound in here {
        match bound.event {
            RangeEvent::LastAffected(last) => return Some(End::Through(last)),
            RangeEvent::Fixed(fixed) => end = Some(End::Before(fixed)),
            RangeEvent::Introduced(_) | RangeEvent::Limit(_) => {}
        }
    }
    end
}

/// Cuts the intervals at the highest limit, if there are limits (`BeforeLimits` of the schema).
fn below_limit<'a>(
    intervals: Vec<Interval<&'a str>>,
    ecosystem: Ecosystem,
    events: &[RangeEvent<'a>],
) -> Vec<Interval<&'a str>> {
    let mut highest: Option<VersionKey<'a>> = None;
    for event in events {
        let RangeEvent::Limit(limit) = *event else {
            continue;
        };
        let key = VersionKey::new(ecosystem, limit);
        if limit == "*" || !is_readable(&key, ecosystem) {
            return intervals;
        }
        highest = highest.max(Some(key));
    }
    let Some(limit) = highest else {
        return intervals;
    };
    let key = |text| VersionKey::new(ecosystem, text);
    let reaches = |interval: &Interval<&'a str>| interval.from.is_none_or(|from| key(from) < limit);
    let cut = |interval: Interval<&'a str>| Interval {
        end: match interval.end {
            End::Before(end) if key(end) <= limit => End::Before(end),
            End::Through(end) if key(end) < limit => End::Through(end),
            _ => End::Before(limit.text()),
        },
        ..interval
    };
    intervals.into_iter().filter(reaches).map(cut).collect()
}

/// Whether the ecosystem's rules can read a version: those that they can't sort below all.
fn is_readable(key: &VersionKey<'_>, ecosystem: Ecosystem) -> bool {
    let lowest = match ecosystem {
        Ecosystem::Npm => "0.0.0-0",
        Ecosystem::Pypi => "0.dev0",
        // Maven reads everything but nothing at all, and what is too long to be a version.
        // Nor is a generic version anything but text.
        Ecosystem::Maven | Ecosystem::Generic => {
            return !key.text().is_empty() && key.text().len() <= 256;
        }
    };
    key.cmp(&VersionKey::new(ecosystem, lowest)) != Ordering::Less
}
