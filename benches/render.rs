//! How long documents take: read and rendered, beside one pass of serde_json over the same bytes.
//!
//! The pass builds nothing and so is the least that any reader of JSON pays; the ratio to it
//! carries over to other machines where the times do not. Not here: fetching, judging,
//! compression. An answer of the gateway pays `read` once per upstream document, not per request.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gateway::protocol::npm::Npm;
use gateway::protocol::pypi::Pypi;
use gateway::protocol::{Document, DocumentKind, Index, IndexTarget, Part, Protocol, Shown};
use gateway::protocol::{Rendered, SimpleForm};
use rules::PackageName;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

const DATE: &str = "2020-02-20T20:20:20.202Z";

fn packuments(criterion: &mut Criterion) {
    let target = |full| IndexTarget {
        package: PackageName::npm("large").unwrap(),
        document: DocumentKind::Packument { full },
    };
    for (label, size) in [
        ("npm 1.3 MB", 1_300_000),
        ("npm 13 MB", 13_000_000),
        ("npm 40 MB", 40_000_000),
    ] {
        let document = Document {
            bytes: packument(size).into(),
            content_type: "application/json".to_owned(),
            url: "http://upstream.test/large".to_owned(),
        };
        let forms = [("full", target(true)), ("abbreviated", target(false))];
        measure(criterion, label, &Npm, &document, &forms);
    }
}

fn pages(criterion: &mut Criterion) {
    let target = |form| IndexTarget {
        package: PackageName::pypi("large").unwrap(),
        document: DocumentKind::Simple(form),
    };
    let document = Document {
        bytes: page(1_200_000).into(),
        content_type: "application/vnd.pypi.simple.v1+json".to_owned(),
        url: "http://upstream.test/simple/large/".to_owned(),
    };
    let forms = [
        ("json", target(SimpleForm::Json)),
        ("html", target(SimpleForm::Html)),
    ];
    measure(criterion, "pypi 1.2 MB", &Pypi, &document, &forms);
}

/// One pass, the reading, each form's rendering alone, and each form from bytes to bytes.
fn measure(
    criterion: &mut Criterion,
    label: &str,
    protocol: &dyn Protocol,
    document: &Document,
    forms: &[(&str, IndexTarget)],
) {
    let mut bench = criterion.benchmark_group(label);
    bench.throughput(Throughput::Bytes(document.bytes.len() as u64));
    bench.bench_function("one pass", |bencher| {
        bencher.iter(|| serde_json::from_slice::<IgnoredAny>(&document.bytes).unwrap());
    });
    let reading = &forms[0].1;
    bench.bench_function("read", |bencher| {
        // An index is dropped outside of the time, as the gateway drops it after the answer.
        let read = |document| protocol.read(reading, document).unwrap();
        bencher.iter_batched(|| document.clone(), read, BatchSize::PerIteration);
    });
    let index = protocol.read(reading, document.clone()).unwrap();
    for (form, target) in forms {
        assert!(render(protocol, target, &index).bytes.len() > document.bytes.len() / 4);
        bench.bench_function(format!("render {form}"), |bencher| {
            bencher.iter_with_large_drop(|| render(protocol, target, &index));
        });
        bench.bench_function(format!("read and render {form}"), |bencher| {
            bencher.iter(|| {
                let index = protocol.read(target, document.clone()).unwrap();
                render(protocol, target, &index)
            });
        });
    }
    bench.finish();
}

fn render(protocol: &dyn Protocol, target: &IndexTarget, index: &Index) -> Rendered {
    let shown = vec![Shown::Keep; index.versions.len()];
    let part = Part {
        index,
        shown: &shown,
    };
    protocol
        .render(target, &[part], "http://gw.test/any/public".into())
        .unwrap()
}

/// A packument of about `size` bytes, its versions of some 2.5 KB as popular packages have them.
fn packument(size: usize) -> Vec<u8> {
    let (mut versions, mut time, mut written) = (Map::new(), Map::new(), 0);
    time.insert("created".to_owned(), DATE.into());
    for number in 0.. {
        let version = format!("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
        let manifest = manifest(&version);
        written += manifest.to_string().len() + 2 * version.len() + DATE.len() + 11;
        time.insert(version.clone(), DATE.into());
        versions.insert(version.clone(), manifest);
        if written >= size {
            let document = json!({
                "_id": "large", "_rev": "1-0", "name": "large", "dist-tags": {"latest": version},
                "versions": versions, "time": time, "description": "A package \u{2014} large",
                "readme": "# Large\n\nSome \"text\".\n".repeat(100), "license": "MIT",
            });
            return serde_json::to_vec(&document).unwrap();
        }
    }
    Vec::new()
}

fn manifest(version: &str) -> Value {
    let digest = digest(version);
    let dependencies = |kind: &str, count: u32| -> Map<String, Value> {
        let name = |number| format!("@scope/{kind}-dependency-{number}");
        (0..count)
            .map(|number| (name(number), "^1.2.3".into()))
            .collect()
    };
    json!({
        "name": "large", "version": version, "description": "A package \u{2014} large",
        "license": "MIT", "main": "./index.js", "homepage": "http://home.test/large",
        "repository": {"type": "git", "url": "git+http://home.test/large.git"},
        "keywords": ["large", "package", "bench", "packument"],
        "exports": {".": {"import": "./index.mjs", "require": "./index.js"}},
        "dependencies": dependencies("run", 15), "devDependencies": dependencies("build", 25),
        "engines": {"node": ">=18"}, "bin": {"large": "bin/large.js"},
        "scripts": {"test": "run \"all\" tests", "build": "build --all", "lint": "lint ."},
        "_id": format!("large@{version}"), "gitHead": &digest[..40], "_nodeVersion": "20.0.0",
        "_npmUser": {"name": "someone", "email": "someone@home.test"},
        "maintainers": [{"name": "someone", "email": "someone@home.test"}],
        "dist": {
            "tarball": format!("http://upstream.test/large/-/large-{version}.tgz"),
            "shasum": &digest[..40], "fileCount": 42, "unpackedSize": 123_456,
            "signatures": [{"keyid": "SHA256:key", "sig": digest}],
        },
        "_npmOperationalInternal": {"host": "s3://packages", "tmp": format!("tmp/{digest}")},
    })
}

/// A project page (PEP 691 and 700) of about `size` bytes: per version a source archive and wheels.
fn page(size: usize) -> Vec<u8> {
    let (mut versions, mut files, mut written) = (Vec::new(), Vec::new(), 0);
    for number in 0.. {
        let version = format!("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
        let wheel = |python| format!("large-{version}-{python}-{python}-manylinux_2_28_x86_64.whl");
        let wheels = ["cp311", "cp312", "cp313"].map(wheel);
        for name in [format!("large-{version}.tar.gz")]
            .into_iter()
            .chain(wheels)
        {
            let file = file(&name);
            written += file.to_string().len() + 1;
            files.push(file);
        }
        versions.push(version);
        if written >= size {
            let document = json!({
                "meta": {"api-version": "1.1"}, "name": "large", "versions": versions,
                "files": files,
            });
            return serde_json::to_vec(&document).unwrap();
        }
    }
    Vec::new()
}

fn file(name: &str) -> Value {
    let digest = digest(name);
    let (first, rest) = digest.split_at(2);
    let mut file = json!({
        "filename": name, "url": format!("http://files.test/packages/{first}/{rest}/{name}"),
        "hashes": {"sha256": digest}, "requires-python": ">=3.11", "size": 1_234_567,
        "upload-time": DATE, "yanked": false,
    });
    if name.ends_with(".whl") {
        file["core-metadata"] = json!({"sha256": digest});
    }
    file
}

/// Hexadecimal digits that look like a digest.
fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10)
}

criterion_group! { name = benches; config = short(); targets = packuments, pages }
criterion_main!(benches);
