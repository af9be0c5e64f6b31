use std::time::Instant;

use crate::{Ecosystem, VersionKey};

use super::interval;
use super::*;

use RangeEvent::{Fixed, Introduced, LastAffected, Limit};

fn name(ecosystem: Ecosystem, text: &str) -> PackageName {
    PackageName::parse(ecosystem, text).unwrap()
}

fn record<'a>(id: &'a str, affected: Vec<AffectedPackage<'a>>) -> AdvisoryRecord<'a> {
    AdvisoryRecord {
        id,
        kind: AdvisoryKind::Vulnerability,
        summary: "",
        published: None,
        modified: None,
        withdrawn: false,
        affected,
    }
}

fn affected<'a>(
    package: &PackageName,
    ranges: &[&[RangeEvent<'a>]],
    versions: &[&'a str],
) -> AffectedPackage<'a> {
    AffectedPackage {
        index: 0,
        package: package.clone(),
        severity: None,
        ranges: ranges.iter().map(|range| range.to_vec()).collect(),
        versions: versions.to_vec(),
    }
}

fn index(records: &[AdvisoryRecord<'_>]) -> Advisories {
    let mut builder = AdvisoriesBuilder::default();
    for record in records {
        assert_eq!(builder.add(record), []);
    }
    builder.finish()
}

fn at(seconds: u64) -> Option<SystemTime> {
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// One range, in each ecosystem, against versions inside and outside.
#[test]
fn ranges_follow_the_schema_in_each_ecosystems_order() {
    use Ecosystem::{Maven, Npm, Pypi};
    type Row = (
        Ecosystem,
        &'static [RangeEvent<'static>],
        &'static [&'static str],
        &'static [&'static str],
    );
    let table: [Row; 18] = [
        (Npm, &[Introduced("0")], &["0.0.0-0", "9.9.9", "junk"], &[]),
        (
            Npm,
            &[Introduced("0"), Fixed("1.0.2")],
            &["0.1.0", "1.0.2-rc.1", "1.0.1+build"],
            &["1.0.2", "1.0.10"],
        ),
        (
            Npm,
            &[
                Introduced("1.0.0"),
                Fixed("1.0.2"),
                Introduced("3.0.0"),
                Fixed("3.2.5"),
            ],
            &["1.0.0", "1.0.1", "3.2.4"],
            &["0.9.0", "1.0.0-rc.1", "1.0.2", "2.9.9", "3.2.5"],
        ),
        // The same in disorder.
        (
            Npm,
            &[
                Fixed("3.2.5"),
                Introduced("3.0.0"),
                Fixed("1.0.2"),
                Introduced("1.0.0"),
            ],
            &["1.0.0", "3.2.4"],
            &["0.9.0", "1.0.2", "3.2.5"],
        ),
        (
            Npm,
            &[Introduced("0"), LastAffected("2.1.214")],
            &["2.1.214", "2.1.99"],
            &["2.1.215", "2.1.1000"],
        ),
        (
            Npm,
            &[LastAffected("1.0.0"), Introduced("1.0.0")],
            &["1.0.0"],
            &["1.0.1", "0.9.0"],
        ),
        // Joined at one version, and nothing at all.
        (
            Npm,
            &[
                Introduced("0"),
                Introduced("1.0.0"),
                Fixed("1.0.0"),
                Fixed("2.0.0"),
            ],
            &["0.1.0", "1.0.0", "1.9.0"],
            &["2.0.0"],
        ),
        (
            Npm,
            &[Introduced("1.0.0"), Fixed("1.0.0")],
            &[],
            &["0.9.0", "1.0.0", "1.1.0"],
        ),
        // A second fix in another branch, and one that comes before anything was introduced.
        (
            Npm,
            &[
                Introduced("0"),
                Fixed("1.5.0"),
                Fixed("2.0.1"),
                Introduced("2.0.0"),
            ],
            &["1.4.0", "2.0.0"],
            &["1.5.0", "2.0.1"],
        ),
        (
            Npm,
            &[Fixed("0.5.0"), Introduced("1.0.0")],
            &["1.0.0", "5.0.0"],
            &["0.1.0", "0.5.0"],
        ),
        (
            Npm,
            &[Introduced("1.0.0"), Limit("2.0.0")],
            &["1.0.0", "1.99.0"],
            &["2.0.0", "0.1.0"],
        ),
        (
            Npm,
            &[
                Introduced("1.0.0"),
                Limit("2.0.0"),
                Limit("3.0.0"),
                LastAffected("5.0.0"),
            ],
            &["2.5.0"],
            &["3.0.0", "5.0.0"],
        ),
        (
            Npm,
            &[Introduced("1.0.0"), Limit("2.0.0"), Limit("*")],
            &["1.0.0", "9.0.0"],
            &["0.1.0"],
        ),
        (
            Pypi,
            &[Introduced("0"), Fixed("3.0")],
            &["3.0rc1", "3.0.dev5", "2.9.post1", "2004d"],
            &["3.0", "3.0.0", "3.0.post1", "1!0.1"],
        ),
        (
            Pypi,
            &[Introduced("1.0"), LastAffected("1.2")],
            &["1.0.0", "1.2.0", "1.1a1"],
            &["1.0rc1", "1.2.post1", "1.2+local"],
        ),
        (
            Maven,
            &[Introduced("2.0-beta9"), Fixed("2.15.0")],
            &["2.0", "2.0-beta9", "2.0-rc1", "2.15.0-SNAPSHOT", "2.14.1"],
            &["2.0-beta8", "2.15.0", "2.15", "2.16"],
        ),
        (
            Maven,
            &[Introduced("0"), LastAffected("1.0")],
            &["1.0", "1", "1.0-alpha-1", "1.0.Final"],
            &["1.0-sp1", "1.0.1"],
        ),
        (
            Maven,
            &[Introduced("0"), Fixed("32.0.0-android")],
            &["31.1-jre", "31.1-android"],
            &["32.0.1-jre"],
        ),
    ];
    for (ecosystem, events, inside, outside) in table {
        let package = name(
            ecosystem,
            "some:name".trim_start_matches(match ecosystem {
                Maven => "",
                _ => "some:",
            }),
        );
        let mut builder = AdvisoriesBuilder::default();
        builder.add(&record("X-1", vec![affected(&package, &[events], &[])]));
        let advisories = builder.finish();
        let hit = |version: &str| advisories.find(&package, Some(version)).count() == 1;
        for version in inside {
            assert!(hit(version), "{ecosystem} {events:?} holds {version}");
        }
        for version in outside {
            assert!(!hit(version), "{ecosystem} {events:?} lacks {version}");
        }
    }
}

/// The schema's own pseudocode against the intervals, for all short timelines.
#[test]
fn intervals_agree_with_the_pseudocode() {
    fn key_of<'k>(text: &&'k str) -> VersionKey<'k> {
        VersionKey::new(Ecosystem::Npm, text)
    }
    fn pseudocode(version: u32, events: &[(u8, u32)]) -> bool {
        let limits: Vec<u32> = events.iter().filter(|e| e.0 == 3).map(|e| e.1).collect();
        if !limits.is_empty() && !limits.iter().any(|limit| version < *limit) {
            return false;
        }
        let mut sorted = events.to_vec();
        sorted.sort_by_key(|event| event.1);
        let mut affected = false;
        for (kind, at) in sorted {
            match kind {
                0 if version >= at => affected = true,
                1 if version >= at => affected = false,
                2 if version > at => affected = false,
                _ => {}
            }
        }
        affected
    }
    let texts: Vec<String> = (0..10).map(|major| format!("{major}.0.0")).collect();
    // Distinct versions, so that the pseudocode's order is the only one.
    for code in 0..4_u32.pow(5) {
        let events: Vec<(u8, u32)> = (0..5_u32)
            .map(|place| ((code / 4_u32.pow(place) % 4) as u8, (place * 7 % 5) * 2 + 1))
            .collect();
        if !events.iter().any(|event| event.0 == 0) {
            continue;
        }
        let range: Vec<RangeEvent<'_>> = events
            .iter()
            .map(|(kind, at)| {
                let text = texts[*at as usize].as_str();
                [
                    Introduced(text),
                    Fixed(text),
                    LastAffected(text),
                    Limit(text),
                ][*kind as usize]
            })
            .collect();
        let read = interval::read(Ecosystem::Npm, &range).unwrap();
        for version in 0..10_u32 {
            let key = VersionKey::new(Ecosystem::Npm, &texts[version as usize]);
            let held = read
                .intervals
                .iter()
                .any(|interval| interval.map(key_of).contains(&key));
            assert_eq!(held, pseudocode(version, &events), "{version} {range:?}");
        }
    }
}

#[test]
fn listed_versions_are_the_same_as_each_ecosystem_says() {
    let npm = name(Ecosystem::Npm, "@scope/a");
    let pypi = name(Ecosystem::Pypi, "My_Package");
    let maven = name(Ecosystem::Maven, "org.x:y");
    let advisories = index(&[
        record("N", vec![affected(&npm, &[], &["1.0.0", "2.0.0"])]),
        record("P", vec![affected(&pypi, &[], &["1.0", "2.0RC1"])]),
        record("M", vec![affected(&maven, &[], &["1.0"])]),
    ]);
    let table = [
        (&npm, "1.0.0", true),
        (&npm, "1.0.0+build", true),
        (&npm, "1.0.1", false),
        (&pypi, "1.0.0", true),
        (&pypi, "2.0c1", true),
        (&pypi, "2.0", false),
        (&maven, "1.0", true),
        // Another folder of the repository.
        (&maven, "1", false),
    ];
    for (package, version, expected) in table {
        let found = advisories.find(package, Some(version)).count();
        assert_eq!(found == 1, expected, "{package} {version}");
    }
    let spelled = name(Ecosystem::Pypi, "my.package");
    assert_eq!(advisories.find(&spelled, Some("1.0")).count(), 1);
    assert_eq!(
        advisories.find(&spelled, None).next().unwrap().affects(),
        Affects::Listed
    );
    let absent = name(Ecosystem::Npm, "my-package");
    assert!(advisories.of(&absent).is_none());
}

#[test]
fn what_is_affected_is_summed_up() {
    let package = name(Ecosystem::Npm, "a");
    let range: &[RangeEvent<'_>] = &[Introduced("1.0.0"), Fixed("1.5.0"), Fixed("2.0.0")];
    let everything: &[RangeEvent<'_>] = &[Introduced("0")];
    let advisories = index(&[
        record("A", vec![affected(&package, &[range], &["1.2.0", "3.0.0"])]),
        record(
            "B",
            vec![affected(&package, &[range, everything], &["1.2.0"])],
        ),
        record("C", vec![affected(&package, &[], &["4.0.0"])]),
    ]);
    let all: Vec<_> = advisories.find(&package, None).collect();
    let affects: Vec<_> = all.iter().map(|one| (one.id(), one.affects())).collect();
    assert_eq!(
        affects,
        [
            ("A", Affects::Ranges),
            ("B", Affects::All),
            ("C", Affects::Listed)
        ]
    );
    let known = advisories.of(&package).unwrap();
    let ids = |version| -> Vec<&str> { known.affecting(version).map(|one| one.id()).collect() };
    assert_eq!(ids("1.2.0"), ["A", "B"]);
    assert_eq!(ids("3.0.0"), ["A", "B"]);
    assert_eq!(ids("4.0.0"), ["B", "C"]);
    assert_eq!(all[0].fixed().collect::<Vec<_>>(), ["1.5.0", "2.0.0"]);
    let fixed = |version| {
        advisories
            .is_fixed_by(&package, version)
            .collect::<Vec<_>>()
    };
    assert_eq!(fixed("2.0.0"), ["A", "B"]);
    assert!(fixed("2.0.1").is_empty() && fixed("1.2.0").is_empty());
    // What the range holds is not kept twice.
    let stored = |place: usize| all[place].entry.listed.count;
    assert_eq!((stored(0), stored(1), stored(2)), (1, 0, 1));
}

#[test]
fn bounds_that_are_no_versions_widen_a_range_unless_there_is_a_list() {
    let package = name(Ecosystem::Npm, "a");
    let range: &[RangeEvent<'_>] = &[Introduced("1.0.0"), Fixed("1.5")];
    let mut builder = AdvisoriesBuilder::default();
    let open = builder.add(&record("OPEN", vec![affected(&package, &[range], &[])]));
    assert_eq!(open[0].field, "affected[0].ranges[0]");
    assert!(
        open[0].message.contains("\"1.5\" is not a version"),
        "{open:?}"
    );
    let listed = builder.add(&record(
        "LIST",
        vec![affected(&package, &[range], &["1.1.0"])],
    ));
    assert!(listed[0].message.contains("list of versions"), "{listed:?}");
    let nothing = builder.add(&record(
        "NONE",
        vec![affected(&package, &[&[Fixed("1.0.0")]], &[])],
    ));
    assert_eq!(nothing.len(), 2, "{nothing:?}");
    let advisories = builder.finish();
    let ids = |version| -> Vec<String> {
        let found = advisories.find(&package, Some(version));
        found.map(|one| one.id().to_owned()).collect()
    };
    assert_eq!(ids("9.0.0"), ["OPEN"]);
    assert_eq!(ids("1.1.0"), ["LIST", "OPEN"]);
    assert!(ids("0.1.0").is_empty());
}

#[test]
fn the_last_modified_record_of_an_id_counts() {
    let package = name(Ecosystem::Npm, "a");
    let everything: &[RangeEvent<'_>] = &[Introduced("0")];
    let with = |id, modified, withdrawn| AdvisoryRecord {
        modified: at(modified),
        withdrawn,
        ..record(id, vec![affected(&package, &[everything], &[])])
    };
    let records = [
        with("NEWER", 100, false),
        with("NEWER", 50, true),
        with("TIE", 70, false),
        with("TIE", 70, true),
        with("GONE", 70, true),
        with("GONE", 60, false),
        with("TWICE", 60, false),
        with("TWICE", 60, false),
    ];
    for turn in 0..records.len() {
        // In any order, and over several builders.
        let mut order = records.to_vec();
        order.rotate_left(turn);
        let mut builder = AdvisoriesBuilder::default();
        for part in order.chunks(3) {
            let mut other = AdvisoriesBuilder::default();
            for record in part {
                other.add(record);
            }
            assert!(builder.append(other));
        }
        let advisories = builder.finish();
        let ids: Vec<_> = advisories
            .find(&package, Some("1.0.0"))
            .map(|one| one.id())
            .collect();
        assert_eq!(ids, ["NEWER", "TWICE"]);
        assert_eq!(advisories.withdrawn().collect::<Vec<_>>(), ["GONE", "TIE"]);
        assert!(advisories.is_withdrawn("TIE") && !advisories.is_withdrawn("NEWER"));
        assert_eq!((advisories.len(), advisories.packages_len()), (2, 1));
        assert_eq!(advisories.newest(), at(100));
        assert_eq!(
            advisories.heads().map(|head| head.id).collect::<Vec<_>>(),
            ["NEWER", "TWICE"]
        );
    }
}

#[test]
fn summaries_are_one_line_and_bounded() {
    let package = name(Ecosystem::Npm, "a");
    let long = format!(" two\nlines {}", "\u{e9}".repeat(500));
    let advisories = index(&[AdvisoryRecord {
        summary: &long,
        ..record("A", vec![affected(&package, &[&[Introduced("0")]], &[])])
    }]);
    let advisory = advisories.find(&package, None).next().unwrap();
    assert!(advisory.summary().starts_with("two lines \u{e9}"));
    assert!(advisory.summary().len() <= record::SUMMARY_BYTES_MAX);
}

#[test]
fn scores_are_tenths() {
    assert_eq!(Score::new(9.8).unwrap().to_string(), "9.8");
    assert_eq!(Score::new(10.0), Some(Score::MAX));
    for value in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Score::new(value), None);
    }
    assert_eq!(Score::from_word("MODERATE"), Score::new(4.0));
    assert_eq!(Score::from_word(" Critical"), Score::new(9.0));
    assert_eq!(Score::from_word("terrible"), None);
    assert!(Score::from_word("high") < Score::new(7.5));
}

#[test]
fn many_foreign_events_cost_little() {
    let package = name(Ecosystem::Maven, "a:b");
    let texts: Vec<String> = (0..20_000).map(|n| format!("{}.{n}", n % 7)).collect();
    let events: Vec<RangeEvent<'_>> = texts
        .iter()
        .enumerate()
        .map(|(place, text)| match place % 2 {
            0 => Introduced(text),
            _ => Fixed(text),
        })
        .collect();
    let start = Instant::now();
    let advisories = index(&[record("A", vec![affected(&package, &[&events], &[])])]);
    assert!(advisories.find(&package, Some("3.1")).count() <= 1);
    assert!(start.elapsed() < Duration::from_secs(5));
}
