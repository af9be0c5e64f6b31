//! What a check of a policy finds, and what an explanation says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

use rules::lookalike::Popular;
use rules::{
    Action, Control, Ecosystem, Facts, Finding, Flags, GroupSpec, Knowledge, ModeSpec, Next,
    Outcome, PackageName, Place, Policy, PolicySpec, RepositorySpec, SENTENCE_BYTES_MAX, Severity,
    Verdict, moment,
};
use std::sync::Arc;
use std::time::SystemTime;

fn spec(groups: Vec<GroupSpec>) -> PolicySpec {
    let repositories = vec![RepositorySpec {
        name: "public".to_owned(),
        upstreams: Vec::new(),
        external: Ecosystem::PROXIED.into(),
    }];
    PolicySpec {
        groups,
        repositories,
    }
}

fn block(pattern: &str) -> GroupSpec {
    GroupSpec {
        external: Some(ModeSpec::Block),
        ..GroupSpec::new(pattern)
    }
}

fn observing(controls: &[Control], group: GroupSpec) -> GroupSpec {
    GroupSpec {
        observe: Some(controls.to_vec()),
        ..group
    }
}

/// A group with an exemption of ages that ends.
fn timed(pattern: &str, until: &str) -> GroupSpec {
    toml::from_str(&format!(
        "pattern = '{pattern}'\nmin_age = '3d'\nexempt = ['min_age']\nuntil = '{until}'\n\
         reason = 'vetted'"
    ))
    .unwrap()
}

fn findings(groups: Vec<GroupSpec>) -> Vec<Finding> {
    match Policy::compile(&spec(groups)) {
        Ok((_, findings)) => {
            assert!(
                findings
                    .iter()
                    .all(|finding| finding.severity == Severity::Warning)
            );
            findings
        }
        Err(findings) => {
            assert!(
                findings
                    .iter()
                    .any(|finding| finding.severity == Severity::Error)
            );
            findings
        }
    }
}

#[test]
fn mistakes_in_groups_are_found() {
    let listed = GroupSpec {
        publish: Some(ModeSpec::Repositories(vec!["nowhere".to_owned()])),
        ..GroupSpec::new("/npm/*")
    };
    let root = GroupSpec {
        internal: Some(ModeSpec::Inherit),
        ..GroupSpec::new("/*")
    };
    for (groups, severity, words) in [
        (vec![block("/npm/@dws/*")], Severity::Error, "without it"),
        (vec![block("/pypi//My_Pkg~")], Severity::Error, "my-pkg"),
        (vec![block("npm/*")], Severity::Error, "leading slash"),
        (vec![block("/npm/space/foo-~")], Severity::Error, "use *"),
        (
            vec![block("/npm/*"), block("/npm/*")],
            Severity::Error,
            "twice",
        ),
        (vec![listed], Severity::Error, "nowhere"),
        (vec![root], Severity::Error, "no parent"),
        (
            vec![GroupSpec::new("/npm/*")],
            Severity::Warning,
            "inherited from /*",
        ),
        (
            vec![observing(&[Control::External], block("/npm/space/*"))],
            Severity::Warning,
            "`observe` lists external: the names that this group claims leave the house",
        ),
        (
            vec![
                observing(&[Control::External], GroupSpec::new("/*")),
                block("/npm/space/*"),
            ],
            Severity::Warning,
            "`observe` is inherited from /* and lists external",
        ),
        (
            vec![observing(&[Control::WeakMatch], block("/npm/*"))],
            Severity::Error,
            "`observe` lists weak_match: only lookalike, min_age, malware, vulnerability, publish, \
             internal, external can be listed",
        ),
        (
            vec![GroupSpec {
                exempt: Some(vec![Control::External]),
                reason: Some(String::new()),
                ..timed("/npm/*", "2027-01-31")
            }],
            Severity::Error,
            "`exempt` lists external: only lookalike",
        ),
        (
            vec![GroupSpec {
                external: Some(ModeSpec::Allow),
                ..GroupSpec::new("/generic/tools/*")
            }],
            Severity::Warning,
            "`external` opens nothing",
        ),
        (
            vec![block("/generic/tools/a@b$")],
            Severity::Warning,
            "imitations",
        ),
        (
            vec![block("/generic//tool$")],
            Severity::Error,
            "/generic/<namespace>/<name>$",
        ),
        (
            vec![block("/npm//p\u{430}ypal$")],
            Severity::Warning,
            "imitations",
        ),
        (
            vec![block("/maven/com.amazon~"), block("/maven/com.amazonaws/*")],
            Severity::Warning,
            "com.amazonaws",
        ),
    ] {
        let found = findings(groups);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].severity, severity, "{}", found[0]);
        assert!(found[0].to_string().contains(words), "{}", found[0]);
    }
    assert_eq!(
        findings(vec![
            block("/maven/com.amazon~"),
            block("/maven/com.amazon.x/*")
        ]),
        []
    );
}

#[test]
fn generic_packages_have_no_connection() {
    let mut spec = spec(vec![block("/generic/tools/libstdc++$")]);
    assert_eq!(Policy::compile(&spec).unwrap().1, []);
    spec.repositories[0].external.insert(Ecosystem::Generic);
    let found = Policy::compile(&spec).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].to_string().contains("generic"), "{}", found[0]);
}

/// No screen looks at them, whatever groups want: what only the house has needs none.
#[test]
fn an_explanation_of_a_generic_package_speaks_of_what_is_held() {
    let strict: GroupSpec =
        toml::from_str("pattern = '/*'\nexternal = 'block'\nmin_age = '3d'\nlookalike = 'deny'")
            .unwrap();
    let (policy, _) = Policy::compile(&spec(vec![strict, block("/generic/tools/*")])).unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let explain = |namespace, name| {
        let package = PackageName::generic(namespace, name).unwrap();
        policy.explain(&package, "public", Some("1"), now)
    };
    let told = explain("tools", "app");
    assert_eq!(told.verdict, Verdict::Allow, "{}", told.sentence);
    assert!(told.sentence.contains("only what the repositories hold"));
    assert!(told.claimed && told.screens.is_empty());
    assert!(told.dates.is_none() && told.popular.is_none());
    assert!(
        told.search
            .iter()
            .all(|searched| searched.external.is_none())
    );
    assert!(told.to_string().contains("/generic/tools/app"));
    let told = explain("Tools", "app");
    assert_eq!(told.reason.unwrap().control, Control::WeakMatch);
}

#[test]
fn a_revision_follows_the_content() {
    let revision = |groups| Policy::compile(&spec(groups)).unwrap().0.revision();
    assert_eq!(
        revision(vec![block("/npm/*")]),
        revision(vec![block("/npm/*")])
    );
    assert_ne!(
        revision(vec![block("/npm/*")]),
        revision(vec![block("/pypi/*")])
    );
    // The value itself is pinned: it has to be the same in every process and on every machine.
    assert_eq!(
        Policy::compile(&PolicySpec::default())
            .unwrap()
            .0
            .revision(),
        0x88201fb960ff6465
    );
}

#[test]
fn a_revision_follows_the_lists_in_force() {
    let list = |names: &[&str]| {
        let popular = Popular::from_ranked(Ecosystem::Npm, "2030-01-01", names.iter().copied());
        Arc::new(popular)
    };
    let revision = |knowledge| {
        let compiled = Policy::compile_with(&spec(Vec::new()), knowledge);
        compiled.unwrap().0.revision()
    };
    let with = |names: &[&str]| revision(Knowledge::default().with_popular(list(names)));
    let embedded = revision(Knowledge::default());
    assert_ne!(with(&["a", "b"]), embedded);
    assert_ne!(with(&["a", "b"]), with(&["b", "a"]));
    assert_eq!(with(&["a", "b"]), with(&["a", "b"]));
    let knowledge = Knowledge::default().with_popular(list(&["wondrous"]));
    assert_eq!(knowledge.popular(Ecosystem::Npm).len(), 1);
    assert_eq!(knowledge.popular(Ecosystem::Pypi).source(), "embedded");
    let (policy, _) = Policy::compile_with(&spec(Vec::new()), knowledge).unwrap();
    let squat = PackageName::npm("wondrousjs").unwrap();
    let told = policy.explain(&squat, "public", None, SystemTime::UNIX_EPOCH);
    assert_eq!(
        told.reason.unwrap().imitates.as_deref(),
        Some("wondrous"),
        "the list that was given is the one that is asked"
    );
}

#[test]
fn an_explanation_shows_the_way() {
    let (policy, _) = Policy::compile(&spec(vec![
        block("/npm/*"),
        GroupSpec {
            publish: Some(ModeSpec::Allow),
            ..GroupSpec::new("/npm//left-pad$")
        },
    ]))
    .unwrap();
    let package = PackageName::npm("left-pad").unwrap();
    let explanation = policy.explain(&package, "public", Some("1.3.0"), SystemTime::UNIX_EPOCH);
    assert_eq!(explanation.verdict, Verdict::Deny);
    assert_eq!(
        explanation.sentence,
        "left-pad is blocked by package group /npm//left-pad$ (inherited from /npm/*): no version \
         may come from a public registry; an operator can change control 'external'"
    );
    let expected = format!(
        "deny: {}\n\
         package     /npm//left-pad\n\
         group       /npm//left-pad$ (strong match)\n\
         inheritance /npm//left-pad$ < /npm/* < /*\n\
         publish     allow\n\
         internal    inherit: allow from /*\n\
         external    inherit: block from /npm/*\n\
         search      public  holding allow  external deny (external)\n\
         screens     none: the name belongs to the house, nothing of it comes from outside\n",
        explanation.sentence
    );
    assert_eq!(explanation.to_string(), expected);
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["reason"]["control"], "external");
    assert_eq!(json["controls"][2]["inherited_from"], "/npm/*");
    assert_eq!(json["package"], "left-pad");
}

#[test]
fn an_imitation_is_denied_everything_but_what_is_held() {
    let (policy, _) = Policy::compile(&spec(vec![block("/npm//left-pad$")])).unwrap();
    let package = PackageName::npm("left.pad").unwrap();
    assert!(policy.claimed(&package));
    let reason = policy
        .publish(&package, "public", Flags::DEFER)
        .unwrap_err();
    assert!(
        reason.claimed && reason.sentence.contains("/npm//left-pad$"),
        "{reason}"
    );
    let origins = policy.origins(&package, "public", SystemTime::UNIX_EPOCH);
    let places: Vec<_> = origins.iter().map(|origin| origin.place()).collect();
    assert_eq!(places, [Place::Holding]);
    let holding = origins.iter().next().unwrap();
    assert_eq!(holding.after(Outcome::Failed), Next::Stop);
    assert_eq!(holding.after(Outcome::Absent), Next::Next);
    assert_eq!(
        policy
            .explain(&package, "public", None, SystemTime::UNIX_EPOCH)
            .verdict,
        Verdict::Deny
    );
}

#[test]
fn an_explanation_shows_the_screens() {
    let (policy, _) = Policy::compile(&spec(vec![
        GroupSpec {
            observe: Some(vec![Control::Malware]),
            vulnerability_warn: Some(7.0),
            ..timed("/maven/*", "2027-01-31")
        },
        GroupSpec {
            lookalike: Some(Action::Warn),
            ..GroupSpec::new("/maven/com.acme~")
        },
    ]))
    .unwrap();
    let package = PackageName::maven("com.acme", "core").unwrap();
    let told = |now: &str| {
        let now = moment::read(now).unwrap();
        policy.explain(&package, "public", None, now).to_string()
    };
    let before = told("2027-01-01T00:00:00Z");
    let lines = before
        .lines()
        .skip_while(|line| !line.starts_with("lookalike"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(
        lines,
        [
            "lookalike   warn",
            "malware     inherit: deny from /*",
            "vulnerability_deny inherit: off from /*",
            "vulnerability_warn inherit: 7.0 from /maven/*",
            "min_age     inherit: 3d from /maven/*",
            "unknown_age inherit: hold from /*",
            "exempt      inherit: min_age until 2027-02-01T00:00:00Z (vetted) from /maven/*",
            "observe     inherit: malware from /maven/*",
            "dates       the POM's Last-Modified as the upstream tells it",
            "popular     4153 names of 2024-12-31 (embedded)",
        ]
    );
    let after = told("2027-03-01T00:00:00Z");
    assert!(
        after.contains("exempt      inherit: min_age ended 2027-02-01"),
        "{after}"
    );
}

#[test]
fn exemptions_are_told_where_they_were_written() {
    let groups = vec![
        timed("/npm/*", "2027-01-31"),
        GroupSpec {
            min_age: Some(rules::Age::days(1)),
            ..GroupSpec::new("/npm/space/*")
        },
    ];
    let (policy, _) = Policy::compile(&spec(groups)).unwrap();
    let exemptions: Vec<_> = policy.exemptions().collect();
    assert_eq!(exemptions.len(), 1);
    let exemption = exemptions[0];
    assert_eq!(
        (exemption.group, exemption.reason),
        ("/npm/*", Some("vetted"))
    );
    assert_eq!(exemption.until, moment::read("2027-02-01T00:00:00Z"));
    assert!(exemption.controls.iter().eq(&[Control::MinAge]));
}

#[test]
fn the_nearest_allowed_version_is_named() {
    let group = GroupSpec {
        min_age: Some(rules::Age::days(3)),
        ..GroupSpec::new("/*")
    };
    let (policy, _) = Policy::compile(&spec(vec![group])).unwrap();
    let now = moment::read("2027-01-10T00:00:00Z").unwrap();
    // `!` is too young, `y` is yanked.
    for (ecosystem, refused, versions, nearest) in [
        (
            Ecosystem::Npm,
            "1.3.0",
            "1.10.0 1.2.0 1.9.0! 1.3.0!",
            Some("1.2.0"),
        ),
        (
            Ecosystem::Npm,
            "1.10.0",
            "1.9.0 1.2.0 1.10.0! 2.0.0",
            Some("1.9.0"),
        ),
        (
            Ecosystem::Npm,
            "1.0.0",
            "1.0.0! 1.1.0! 1.10.0 1.2.0",
            Some("1.2.0"),
        ),
        (
            Ecosystem::Npm,
            "2.0.0",
            "2.0.0! 2.0.0-rc.1 1.0.0",
            Some("1.0.0"),
        ),
        (
            Ecosystem::Npm,
            "2.0.0-rc.2",
            "2.0.0-rc.2! 2.0.0-rc.1 1.0.0",
            Some("2.0.0-rc.1"),
        ),
        (Ecosystem::Npm, "2.0.0", "2.0.0! 2.0.0-rc.1", None),
        (Ecosystem::Npm, "1.0.0", "", None),
        (Ecosystem::Pypi, "2.0.0", "2.0 1.0 1!0.1!", Some("1.0")),
        (Ecosystem::Pypi, "2.0", "1.9y 1.8 3.0", Some("1.8")),
        (
            Ecosystem::Maven,
            "1.1",
            "1.0 1.1-SNAPSHOT 1.1!",
            Some("1.0"),
        ),
    ] {
        let name = if ecosystem == Ecosystem::Maven {
            "org.x:semver"
        } else {
            "semver"
        };
        let package = PackageName::parse(ecosystem, name).unwrap();
        let origins = policy.origins(&package, "public", now);
        let outside = origins
            .iter()
            .find(|origin| origin.place() == Place::External);
        let versions: Vec<(&str, Facts)> = versions
            .split_whitespace()
            .map(|version| {
                let day = if version.ends_with('!') { "09" } else { "01" };
                let facts = Facts {
                    published: moment::read(&format!("2027-01-{day}T00:00:00Z")),
                    yanked: version.ends_with('y').then(String::new),
                    ..Facts::default()
                };
                (version.trim_end_matches(['!', 'y']), facts)
            })
            .collect();
        let versions = versions.iter().map(|(version, facts)| (*version, facts));
        let found = policy.nearest_allowed(outside.unwrap(), refused, versions, now);
        assert_eq!(found, nearest, "{ecosystem} {refused}");
    }
}

#[test]
fn a_sentence_names_the_nearest_version_if_it_has_room() {
    let (policy, _) = Policy::compile(&spec(vec![block("/npm/*")])).unwrap();
    let package = PackageName::npm("left-pad").unwrap();
    let origins = policy.origins(&package, "public", SystemTime::UNIX_EPOCH);
    let mut reason = origins.refusal().unwrap().clone();
    reason.sentence = "left-pad 1.3.0 is held".to_owned();
    let told =
        |reason: &rules::Reason, version: &str| reason.clone().with_nearest(version).sentence;
    assert_eq!(
        told(&reason, "1.2.0"),
        "left-pad 1.3.0 is held; nearest allowed version is 1.2.0"
    );
    assert_eq!(told(&reason, "1.2\r\n0"), reason.sentence);
    reason.sentence = "x".repeat(SENTENCE_BYTES_MAX - 20);
    assert_eq!(told(&reason, "1.2.0"), reason.sentence);
}

#[test]
fn what_is_observed_is_judged_but_not_enforced() {
    let group = observing(
        &[Control::Publish, Control::External],
        block("/npm/space/*"),
    );
    let (policy, _) = Policy::compile(&spec(vec![group])).unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let ours = PackageName::npm("@space/ui").unwrap();
    let origins = policy.origins(&ours, "public", now);
    let seen = origins.observed().unwrap();
    assert!(origins.reaches_outside() && seen.observed && !policy.claimed(&ours));
    assert_eq!(
        (seen.control, seen.group.as_str()),
        (Control::External, "/npm/space/*")
    );
    for origin in &origins {
        let decision = policy.admit(origin, "1.0.0", &Facts::default(), now);
        let is_outside = origin.place() == Place::External;
        let expected = if is_outside {
            Verdict::Warn
        } else {
            Verdict::Allow
        };
        assert_eq!(decision.verdict(), expected);
        assert_eq!(
            decision.reason().is_some_and(|reason| reason.observed),
            is_outside
        );
    }
    let told = policy.explain(&ours, "public", None, now);
    assert_eq!(told.verdict, Verdict::Warn);
    assert!(
        told.to_string().contains("external warn (external)"),
        "{told}"
    );
}
