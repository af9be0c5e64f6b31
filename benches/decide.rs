//! How long the judge takes to say from where a package may come, by the number of groups.
//!
//! Three names are asked for again and again, and 200,000 once in a while. The three take the three ways through [`Policy::origins`]: no group speaks of the first,
//! the second belongs to the house, and the third imitates a name of the house. Not here: parsing
//! of names, and compilation of policies.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::time::Duration;
use std::time::SystemTime;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rules::{Ecosystem, GroupSpec, ModeSpec, PackageName, Policy, PolicySpec, RepositorySpec};

const GROUPS: [usize; 3] = [10, 1_000, 10_000];

fn origins(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("decide");
    let names = [
        ("allowed", "@vendor/left-pad"),
        ("claimed", "@house-4/left-pad"),
        ("weak", "@house_4/left-pad"),
    ];
    for count in GROUPS {
        let policy = policy(count);
        for (case, name) in names {
            let package = PackageName::npm(name).unwrap();
            check(&policy, &package, case);
            bench.bench_function(BenchmarkId::new(case, count), |bencher| {
                bencher.iter(|| {
                    policy.origins(
                        black_box(&package),
                        black_box("public"),
                        SystemTime::UNIX_EPOCH,
                    )
                });
            });
        }
        // More names than the policy remembers: each is compared with the popular ones anew.
        let strangers: Vec<_> = (0..STRANGERS).map(stranger).collect();
        let mut next = strangers.iter().cycle();
        bench.bench_function(BenchmarkId::new("first look", count), |bencher| {
            bencher.iter(|| policy.origins(next.next().unwrap(), "public", SystemTime::UNIX_EPOCH));
        });
    }
    bench.finish();
}

const STRANGERS: usize = 200_000;

/// A name that nobody has, made of words as real names are.
fn stranger(number: usize) -> PackageName {
    const WORDS: [&str; 12] = [
        "react", "quiet", "stream", "lodash", "parse", "winter", "color", "fetch", "vector",
        "babel", "simple", "route",
    ];
    let word = |step: usize| WORDS[number / step % WORDS.len()];
    let name = format!("{}-{}-{number}", word(1), word(WORDS.len()));
    PackageName::npm(&name).unwrap()
}

/// The name takes the way it is meant to take.
fn check(policy: &Policy, package: &PackageName, case: &str) {
    let origins = policy.origins(package, "public", SystemTime::UNIX_EPOCH);
    let searched = match case {
        "allowed" => 3,
        "claimed" => 2,
        _ => 1,
    };
    assert_eq!(origins.iter().count(), searched, "{case}");
    assert_eq!(policy.claimed(package), case != "allowed", "{case}");
    assert_eq!(origins.reaches_outside(), case == "allowed", "{case}");
}

/// As a large house would write it: namespaces, names and words of all ecosystems.
fn policy(groups: usize) -> Policy {
    let pattern = |number: usize| match number % 5 {
        0 => format!("/maven/com.house.team{number}~"),
        1 => format!("/pypi//house-{number}$"),
        2 => format!("/npm//house-{number}-*"),
        3 => format!("/npm//house{number}~"),
        _ => format!("/npm/house-{number}/*"),
    };
    let group = |number| GroupSpec {
        external: Some(ModeSpec::Block),
        ..GroupSpec::new(pattern(number))
    };
    let repository = |name: &str, upstreams: &[&str], external: &[Ecosystem]| RepositorySpec {
        name: name.to_owned(),
        upstreams: upstreams.iter().copied().map(str::to_owned).collect(),
        external: external.iter().copied().collect(),
    };
    let spec = PolicySpec {
        groups: (0..groups).map(group).collect(),
        repositories: vec![
            repository("public", &["house"], &Ecosystem::PROXIED),
            repository("house", &[], &[]),
        ],
    };
    let (policy, _warnings) = Policy::compile(&spec).unwrap();
    policy
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
}

criterion_group! { name = benches; config = short(); targets = origins }
criterion_main!(benches);
