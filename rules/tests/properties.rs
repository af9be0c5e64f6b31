//! What holds for every policy, tried over enumerated small ones and pseudo-random names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

use rules::{
    Control, Ecosystem, Facts, Flag, Flags, GroupSpec, ModeSpec, PackageName, Pattern, Place,
    Policy, PolicySpec, RepositorySpec, Strength, Verdict,
};
use std::time::SystemTime;

/// A generator with a fixed seed (Knuth's MMIX constants), so that failures can be repeated.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn word(&mut self, length: usize) -> String {
        const LETTERS: [char; 8] = ['a', 'A', 'b', 'c', '1', '-', '.', '_'];
        (0..=self.below(length))
            .map(|_| LETTERS[self.below(LETTERS.len())])
            .collect()
    }
}

fn repositories() -> Vec<RepositorySpec> {
    let all = || Ecosystem::PROXIED.into();
    let spec = |name: &str, upstreams: &[&str], external| RepositorySpec {
        name: name.to_owned(),
        upstreams: upstreams.iter().map(|name| (*name).to_owned()).collect(),
        external,
    };
    vec![
        spec("app", &["lib", "store"], all()),
        spec("lib", &[], Default::default()),
        spec("store", &["app"], all()),
    ]
}

/// The groups of a package found the slow way: the strong ones, most specific first.
fn strong<'a>(groups: &'a [GroupSpec], package: &PackageName) -> Vec<&'a GroupSpec> {
    let matches = |group: &&GroupSpec| {
        Pattern::parse(&group.pattern).unwrap().matches(package) == Some(Strength::Strong)
    };
    let mut found: Vec<_> = groups.iter().filter(matches).collect();
    // Among patterns that match one package, the longer without its suffix is the narrower.
    let narrowness = |group: &&GroupSpec| {
        let text = group.pattern.as_str();
        (
            text.trim_end_matches(['*', '~', '$']).len(),
            text.ends_with('$'),
        )
    };
    found.sort_by_key(|group| std::cmp::Reverse(narrowness(group)));
    found
}

#[test]
fn a_blocked_registry_is_never_an_origin() {
    let modes = [
        None,
        Some(ModeSpec::Allow),
        Some(ModeSpec::Block),
        Some(ModeSpec::Repositories(vec!["store".to_owned()])),
    ];
    let patterns = [
        "/*",
        "/npm/*",
        "/npm/space/*",
        "/npm/space/ui~",
        "/npm/space/ui-core$",
    ];
    let packages = [
        "@space/ui-core",
        "@space/UI-core",
        "@space/ui",
        "@space/x",
        "@Space/x",
        "x",
    ];
    let packages = packages.map(|name| PackageName::npm(name).unwrap());
    for combination in 0..modes.len().pow(patterns.len() as u32) {
        let groups: Vec<_> = (0..patterns.len())
            .map(|at| GroupSpec {
                external: modes[combination / modes.len().pow(at as u32) % modes.len()].clone(),
                ..GroupSpec::new(patterns[at])
            })
            .collect();
        let spec = PolicySpec {
            groups,
            repositories: repositories(),
        };
        let (policy, _warnings) = Policy::compile(&spec).unwrap();
        for package in &packages {
            let mode = strong(&spec.groups, package)
                .iter()
                .find_map(|group| group.external.as_ref());
            for asked in ["app", "lib", "store"] {
                let origins = policy.origins(package, asked, SystemTime::UNIX_EPOCH);
                let first = origins.iter().next().unwrap();
                assert_eq!((first.place(), first.repository()), (Place::Holding, asked));
                for origin in origins
                    .iter()
                    .filter(|origin| origin.place() == Place::External)
                {
                    assert!(!policy.claimed(package));
                    match mode {
                        None | Some(ModeSpec::Allow) => {}
                        Some(ModeSpec::Repositories(names)) => {
                            assert!(names.iter().any(|name| name == origin.repository()));
                        }
                        other => panic!("{package} from outside under {other:?}"),
                    }
                }
            }
        }
    }
}

/// Whatever groups, flags and repositories say: there is no public registry of generic packages.
#[test]
fn generic_packages_never_reach_outside() {
    let modes = [
        None,
        Some(ModeSpec::Allow),
        Some(ModeSpec::Block),
        Some(ModeSpec::Repositories(vec!["store".to_owned()])),
    ];
    let patterns = [
        "/*",
        "/generic/*",
        "/generic/tools/*",
        "/generic/tools/app$",
    ];
    let packages = ["tools/app", "tools/App", "tools/x", "Tools/x", "x/y"];
    let packages = packages.map(|name| PackageName::parse(Ecosystem::Generic, name).unwrap());
    let flags = [Flag::Allow, Flag::Block].map(|upstream| Flags::by_hand(Flag::Allow, upstream));
    for combination in 0..modes.len().pow(patterns.len() as u32) {
        let groups = (0..patterns.len()).map(|at| GroupSpec {
            external: modes[combination / modes.len().pow(at as u32) % modes.len()].clone(),
            observe: (at == 0).then(|| vec![Control::External]),
            ..GroupSpec::new(patterns[at])
        });
        let spec = PolicySpec {
            groups: groups.collect(),
            repositories: repositories(),
        };
        let (policy, _warnings) = Policy::compile(&spec).unwrap();
        for (package, flags) in packages
            .iter()
            .flat_map(|it| flags.map(|flags| (it, flags)))
        {
            assert!(policy.claimed(package));
            for asked in ["app", "lib", "store"] {
                let now = SystemTime::UNIX_EPOCH;
                let origins = policy.origins_with_flags(package, asked, now, &|_| Some(flags));
                assert!(!origins.reaches_outside(), "{package}");
                let own = origins.iter().next().unwrap();
                assert_eq!((own.place(), own.repository()), (Place::Holding, asked));
                let decision = policy.admit(own, "1", &Facts::default(), now);
                assert_eq!(decision.verdict(), Verdict::Allow);
            }
        }
    }
}

#[test]
fn the_index_agrees_with_a_scan() {
    let mut sequence = Sequence(7);
    for _ in 0..300 {
        let mut groups = vec![GroupSpec::new("/*"), GroupSpec::new("/npm/*")];
        for _ in 0..60 {
            let namespace = if sequence.below(2) == 0 {
                String::new()
            } else {
                sequence.word(3)
            };
            let suffix = ["~", "*", "$"][sequence.below(3)];
            let pattern = match sequence.below(8) {
                0 => format!("/npm/{namespace}/*"),
                1 => format!("/npm/{namespace}~"),
                _ => format!("/npm/{namespace}/{}{suffix}", sequence.word(5)),
            };
            let known = groups.iter().any(|group| group.pattern == pattern);
            if Pattern::parse(&pattern).is_ok() && !known {
                groups.push(GroupSpec::new(pattern));
            }
        }
        let spec = PolicySpec {
            groups,
            repositories: repositories(),
        };
        let (policy, _warnings) = Policy::compile(&spec).unwrap();
        for _ in 0..100 {
            let name = if sequence.below(2) == 0 {
                sequence.word(6)
            } else {
                format!("@{}/{}", sequence.word(3), sequence.word(6))
            };
            let Ok(package) = PackageName::npm(&name) else {
                continue;
            };
            let found = policy.explain(&package, "app", None, SystemTime::UNIX_EPOCH);
            let narrowest = strong(&spec.groups, &package)[0];
            let pattern = Pattern::parse(&found.group).unwrap();
            assert_eq!(
                pattern.matches(&package),
                Some(found.strength),
                "{name} {}",
                found.group
            );
            if found.strength == Strength::Strong {
                assert_eq!(found.group, narrowest.pattern, "{name}");
                let path: Vec<_> = strong(&spec.groups, &package);
                let path: Vec<_> = path.iter().map(|group| group.pattern.as_str()).collect();
                assert_eq!(found.ancestors, path, "{name}");
            }
        }
    }
}
