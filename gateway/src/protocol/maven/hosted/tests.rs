use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::PackageName;

use super::*;
use crate::exchange::{Method, Path};
use crate::protocol::maven::{Maven, Metadata, Plugin};
use crate::protocol::{
    Body, Document, DocumentKind, Index, IndexTarget, MetadataLevel, Part, Protocol, Rejection,
    Shown,
};

const LIMITS: Limits = Limits {
    quiet: Duration::from_secs(30),
    expiry: Duration::from_secs(3_600),
};

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(" => ").unwrap())
}

fn path(text: &str) -> Path {
    let segments = text.split('/').filter(|segment| !segment.is_empty());
    Path {
        segments: segments.map(str::to_owned).collect(),
        trailing_slash: text.ends_with('/'),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn package() -> PackageName {
    PackageName::maven("com.example", "app").unwrap()
}

fn describe(write: Result<Write, Rejection>) -> String {
    let with = |text: String, more: Option<String>| match more {
        Some(more) => format!("{text} {more}"),
        None => text,
    };
    match write {
        Ok(Write::File(write)) => {
            let (name, checksum) = write.place();
            let checksum = checksum.map(|algorithm| format!("{algorithm:?}"));
            let pom = write.is_pom().then(|| "pom".to_owned());
            let text = format!("{} {} {name}", write.target.package, write.file_version);
            with(text, checksum.or(pom))
        }
        Ok(Write::Metadata(write)) => {
            let text = match write.place {
                MetadataPlace::Package(package) => format!("package {package}"),
                MetadataPlace::Snapshot { package, version } => {
                    format!("snapshot {package} {version}")
                }
                MetadataPlace::Group(group) => format!("group {group}"),
            };
            let checksum = write.checksum.map(|algorithm| format!("{algorithm:?}"));
            with(text, checksum)
        }
        Err(rejection) => {
            let text = format!("{rejection:?}").to_lowercase();
            text.split('(').next().unwrap().to_owned()
        }
    }
}

#[test]
fn writes_are_read() {
    for (line, expected) in rows(include_str!("writes.txt")) {
        let (method, address) = line.split_once(' ').unwrap();
        let method = Method::parse(method.as_bytes()).unwrap();
        assert_eq!(
            describe(parse_write(method, &path(address))),
            expected,
            "{line}"
        );
    }
}

#[test]
fn poms_are_compared_with_their_paths() {
    for (inside, expected) in rows(include_str!("poms.txt")) {
        let pom = format!("<?xml version=\"1.0\"?><project xmlns=\"urn:x\">{inside}</project>");
        let answer = match coordinates(pom.as_bytes()) {
            Err(_) => "unreadable",
            Ok(read) => match read.check("com.example", "app", "1.0") {
                Ok(()) => "yes",
                Err(_) => "no",
            },
        };
        assert_eq!(answer, expected, "{inside}");
    }
    let deep = "<project>".repeat(200);
    for bad in ["", "<html/>", "<!DOCTYPE x><project/>", "<project>", &deep] {
        assert!(coordinates(bad.as_bytes()).is_err(), "{bad}");
    }
    let latin = b"<project><name>Ren\xe9</name><artifactId>a</artifactId></project>";
    assert_eq!(coordinates(latin).unwrap().packaging, "jar");
}

/// A repository of one artifact, as the caller keeps it.
struct Server {
    hosted: Hosted,
    deployment: Option<(String, Deployment)>,
    /// Files that are refused by policy.
    refused: Option<&'static str>,
    clock: u64,
}

impl Server {
    fn new() -> Self {
        Self {
            hosted: Hosted::new(),
            deployment: None,
            refused: None,
            clock: 0,
        }
    }

    /// Answers one recorded PUT.
    fn answer(&mut self, address: &str, bytes: &[u8]) -> Answer {
        self.clock += 1;
        let now = at(self.clock);
        match parse_write(Method::Put, &path(address)).unwrap() {
            Write::File(write) => self.file(&write, bytes, now),
            Write::Metadata(write) if write.checksum.is_some() => Answer::Taken,
            Write::Metadata(write) => {
                let said = announcement(&write.place, bytes).unwrap();
                let Some((version, deployment)) = &mut self.deployment else {
                    return Answer::Known;
                };
                let base = version.replace("20261122.", "SNAPSHOT");
                let base = base.split("SNAPSHOT").next().unwrap().to_owned() + "SNAPSHOT";
                if !said.names(&base, version) {
                    return Answer::Known;
                }
                let answer = deployment.announce(&self.hosted, now);
                if answer == Answer::Commit {
                    self.commit();
                }
                answer
            }
        }
    }

    fn file(&mut self, write: &FileWrite, bytes: &[u8], now: SystemTime) -> Answer {
        let version = write.file_version.clone();
        let artifact = write.target.package.name();
        let begin = || (version.clone(), Deployment::new(artifact, &version, now));
        let (_, deployment) = self.deployment.get_or_insert_with(begin);
        // Every step survives a restart.
        let kept = serde_json::to_string(&deployment).unwrap();
        *deployment = serde_json::from_str(&kept).unwrap();
        let (name, checksum) = write.place();
        if let Some(algorithm) = checksum {
            let checksum = Checksum {
                name: &name,
                algorithm,
                bytes,
            };
            return deployment.check(checksum, &self.hosted, now);
        }
        if self.refused.is_some_and(|end| name.ends_with(end)) {
            return deployment.refuse(&name, Refusal::new(403, "policy"), now);
        }
        let kind = match write.is_pom() {
            false => Kind::Other,
            true => {
                let pom = coordinates(bytes).unwrap();
                let package = &write.target.package;
                pom.check(package.namespace(), package.name(), &write.target.version)
                    .unwrap();
                Kind::Pom {
                    alone: pom.is_alone(),
                }
            }
        };
        deployment.put(put(&name, kind, bytes), &self.hosted, now)
    }

    fn commit(&mut self) {
        if let Some((_, deployment)) = self.deployment.take() {
            let files = deployment.files().iter();
            let files = files.map(|(name, staged)| (name.clone(), staged.digests.clone()));
            self.hosted.extend(files);
        }
    }

    /// Replays a recording; the statuses of its PUTs.
    fn replay(&mut self, trace: &str) -> Vec<(String, u16)> {
        let mut answers = Vec::new();
        for line in trace.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [method, _, address, body] = words.as_slice() else {
                panic!("{line}");
            };
            if *method == "PUT" {
                let answer = self.answer(address, &hexadecimal(body));
                answers.push(((*address).to_owned(), answer.status()));
            }
        }
        answers
    }
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let digits = |place: usize| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn put(name: &str, kind: Kind, bytes: &[u8]) -> Put {
    Put {
        kind,
        name: name.to_owned(),
        size: bytes.len() as u64,
        digests: Digests::of(bytes),
    }
}

#[test]
fn recorded_deployments_succeed_and_succeed_again() {
    for (trace, files) in [
        (include_str!("traces/maven-3.8-release.txt"), 3),
        (include_str!("traces/maven-3.8-snapshot.txt"), 3),
        (include_str!("traces/maven-3.9-snapshot.txt"), 3),
        (include_str!("traces/maven-3.9-parallel.txt"), 3),
        (include_str!("traces/maven-3.9-plugin.txt"), 2),
    ] {
        let mut server = Server::new();
        for (address, status) in server.replay(trace) {
            assert!([200, 201].contains(&status), "{address} {status}");
        }
        assert_eq!(server.hosted.len(), files);
        assert!(server.deployment.is_none());
        for (address, status) in server.replay(trace) {
            assert!([200, 201].contains(&status), "again {address} {status}");
        }
        assert_eq!(server.hosted.len(), files);
    }
}

#[test]
fn what_follows_a_refused_file_is_refused_until_the_next_try() {
    for (trace, refused) in [
        (include_str!("traces/maven-3.9-jar-refused.txt"), "1.0.jar"),
        (include_str!("traces/maven-3.9-pom-refused.txt"), ".pom"),
    ] {
        let mut server = Server::new();
        server.refused = Some(refused);
        let answers = server.replay(trace);
        let first = answers
            .iter()
            .position(|(address, _)| address.ends_with(refused))
            .unwrap();
        for (address, status) in &answers[first..] {
            assert_eq!(*status, 403, "{address}");
        }
        let (_, deployment) = server.deployment.as_ref().unwrap();
        let due = |seconds| deployment.due(&server.hosted, LIMITS, at(server.clock + seconds));
        assert_eq!(due(29), Due::Wait(at(server.clock + 30)));
        assert_eq!(due(30), Due::Expire);
        // The policy was changed, and the client tries again at once.
        server.refused = None;
        server.replay(include_str!("traces/maven-3.8-release.txt"));
        assert_eq!(server.hosted.len(), 3);
    }
}

#[test]
fn a_differing_checksum_fails_the_metadata_since_nothing_else_fails_the_build() {
    let trace = include_str!("traces/maven-3.8-checksum-refused.txt");
    let wrong = |line: &str| match line.contains("app-1.0.jar.sha1 ") {
        true => format!(
            "PUT 400 /com/example/app/1.0/app-1.0.jar.sha1 {}",
            "30".repeat(40)
        ),
        false => line.to_owned(),
    };
    let trace: Vec<String> = trace.lines().map(wrong).collect();
    let mut server = Server::new();
    let answers = server.replay(&trace.join("\n"));
    let failed: Vec<&str> = answers
        .iter()
        .filter(|(_, status)| *status == 400)
        .map(|(address, _)| address.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(failed, ["app-1.0.jar.sha1", "maven-metadata.xml"]);
    assert!(server.hosted.is_empty());
    // The next try heals it.
    server.replay(include_str!("traces/maven-3.8-release.txt"));
    assert_eq!(server.hosted.len(), 3);
}

#[test]
fn other_bytes_of_a_release_conflict_and_new_files_are_added() {
    let mut server = Server::new();
    server.replay(include_str!("traces/maven-3.8-release.txt"));
    let jar = "/com/example/app/1.0/app-1.0.jar";
    assert_eq!(server.answer(jar, b"other").status(), 409);
    let docs = "/com/example/app/1.0/app-1.0-javadoc.jar";
    assert_eq!(server.answer(docs, b"docs").status(), 409);
    // The second time it is a new try.
    assert_eq!(server.answer(docs, b"docs"), Answer::Taken);
    let (_, deployment) = server.deployment.as_ref().unwrap();
    let due = deployment.due(&server.hosted, LIMITS, at(server.clock + 30));
    assert_eq!(due, Due::Commit);
}

/// Events in every order of a client that sends no metadata: the letters are POM, its checksum,
/// main file, its checksum.
#[test]
fn without_metadata_quiet_makes_a_deployment_whole() {
    let (pom, main) = (b"pom".as_slice(), b"main".as_slice());
    for order in ["PpMm", "pPmM", "MPmp", "mpMP", "Mmp P"] {
        let mut deployment = Deployment::new("a", "1", at(0));
        let hosted = Hosted::new();
        for (second, letter) in (0..).zip(order.chars().filter(|letter| *letter != ' ')) {
            assert_ne!(
                deployment.due(&hosted, LIMITS, at(second + 30)),
                Due::Commit
            );
            let now = at(second);
            let (name, bytes) = match letter.to_ascii_uppercase() {
                'P' => ("a-1.pom", pom),
                _ => ("a-1.jar", main),
            };
            let kind = match name {
                "a-1.pom" => Kind::Pom { alone: false },
                _ => Kind::Other,
            };
            let upper = Digests::of(bytes).sha1.to_uppercase() + "  file\n";
            let checksum = Checksum {
                name,
                algorithm: rules::DigestAlgorithm::Sha1,
                bytes: upper.as_bytes(),
            };
            let answer = match letter.is_uppercase() {
                true => deployment.put(put(name, kind, bytes), &hosted, now),
                false => deployment.check(checksum, &hosted, now),
            };
            assert_eq!(answer, Answer::Taken, "{order} {letter}");
        }
        let last = 3;
        let due =
            |deployment: &Deployment, second| deployment.due(&hosted, LIMITS, at(last + second));
        assert_eq!(due(&deployment, 29), Due::Wait(at(last + 30)), "{order}");
        assert_eq!(due(&deployment, 30), Due::Commit, "{order}");
    }
}

#[test]
fn what_is_not_whole_is_not_committed() {
    let hosted = Hosted::new();
    let mut deployment = Deployment::new("a", "1", at(0));
    assert_eq!(deployment.announce(&hosted, at(0)), Answer::Known);
    deployment.put(put("a-1.jar", Kind::Other, b"main"), &hosted, at(0));
    assert_eq!(deployment.announce(&hosted, at(0)).status(), 400);
    assert_eq!(deployment.due(&hosted, LIMITS, at(3_600)), Due::Expire);
    deployment.put(
        put("a-1.pom", Kind::Pom { alone: true }, b"pom"),
        &hosted,
        at(0),
    );
    // A checksum came, and its file did not.
    let digest = Digests::of(b"x").sha1;
    let lone = Checksum {
        name: "a-1-docs.jar",
        algorithm: rules::DigestAlgorithm::Sha1,
        bytes: digest.as_bytes(),
    };
    assert_eq!(deployment.check(lone, &hosted, at(0)), Answer::Taken);
    assert_eq!(deployment.announce(&hosted, at(0)).status(), 400);
    deployment.put(put("a-1-docs.jar", Kind::Other, b"x"), &hosted, at(0));
    assert_eq!(deployment.announce(&hosted, at(0)), Answer::Commit);
    // A page instead of a checksum.
    let page = Checksum {
        bytes: b"<html>",
        ..lone
    };
    assert_eq!(deployment.check(page, &hosted, at(0)).status(), 400);
    assert_eq!(deployment.announce(&hosted, at(0)).status(), 400);
}

fn hosted(version: &str, name: &str, seconds: u64) -> HostedFile {
    HostedFile {
        version: version.to_owned(),
        name: name.to_owned(),
        published: at(seconds),
    }
}

fn target(level: MetadataLevel) -> IndexTarget {
    let document = DocumentKind::Metadata {
        level,
        checksum: None,
    };
    IndexTarget {
        package: package(),
        document,
    }
}

fn read(target: &IndexTarget, bytes: Vec<u8>) -> Index {
    let document = Document {
        bytes: bytes.into(),
        content_type: "application/xml".to_owned(),
        url: String::new(),
    };
    Maven.read(target, document).unwrap()
}

/// What is made is what is rendered of it: reading loses nothing.
fn round_trip(target: &IndexTarget, bytes: Vec<u8>) -> Index {
    let index = read(target, bytes.clone());
    let shown = vec![Shown::Keep; index.versions.len()];
    let part = Part {
        index: &index,
        shown: &shown,
    };
    let rendered = Maven.render(target, &[part], "".into()).unwrap();
    assert_eq!(String::from_utf8(rendered.bytes), String::from_utf8(bytes));
    index
}

#[test]
fn versions_are_listed_in_mavens_order() {
    let versions = ["1.10", "1.9", "2.0-SNAPSHOT", "1.0-alpha-1", "1.0", "1.9"];
    let files: Vec<HostedFile> = (0..)
        .zip(versions)
        .map(|(second, version)| hosted(version, "x", second))
        .collect();
    let plugins = [Plugin {
        name: "Hello & you".to_owned(),
        prefix: "hello".to_owned(),
        artifact: "hello-maven-plugin".to_owned(),
    }];
    let target = target(MetadataLevel::Artifact);
    let bytes = package_metadata(&package(), &files, &plugins).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for part in [
        "<latest>2.0-SNAPSHOT</latest>",
        "<release>1.10</release>",
        "<lastUpdated>20231114221325</lastUpdated>",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let index = round_trip(&target, bytes);
    let read: Vec<&str> = index
        .versions
        .iter()
        .map(|listed| &*listed.version)
        .collect();
    assert_eq!(read, ["1.0-alpha-1", "1.0", "1.9", "1.10", "2.0-SNAPSHOT"]);
    let group = package_metadata(&package(), &[], &plugins).unwrap();
    assert!(round_trip(&target, group).versions.is_empty());
    assert_eq!(package_metadata(&package(), &[], &[]), None);
}

#[test]
fn a_snapshot_lists_the_newest_of_each_kind() {
    let version = "1.1-SNAPSHOT";
    let names = [
        "app-1.1-20240102.030405-9.jar",
        "app-1.1-20240102.030405-10.jar",
        "app-1.1-20240102.030405-10.pom",
        "app-1.1-20240101.030405-11-linux-x86_64.tar.gz",
        "app-1.1-20240102.030405-10-sources.jar.asc",
        "app-1.1-20240102.030405-10.jar.asc",
    ];
    let mut files: Vec<HostedFile> = names.map(|name| hosted(version, name, 0)).into();
    files.push(hosted("1.1", "app-1.1.jar", 0));
    let target = target(MetadataLevel::Snapshot {
        version: version.to_owned(),
    });
    let bytes = snapshot_metadata(&package(), version, &files).unwrap();
    let index = round_trip(&target, bytes);
    let Body::Maven(Metadata::Snapshot(snapshot)) = &index.body else {
        panic!("{index:?}");
    };
    assert_eq!(snapshot.timestamp.as_deref(), Some("20240102.030405"));
    assert_eq!(snapshot.build_number.as_deref(), Some("10"));
    let read: Vec<String> = snapshot
        .files
        .iter()
        .map(|file| {
            let classifier = file.classifier.as_deref().unwrap_or("-");
            format!("{classifier} {} {}", file.extension, file.value)
        })
        .collect();
    let expected = [
        "- jar 1.1-20240102.030405-10",
        "- jar.asc 1.1-20240102.030405-10",
        "sources jar.asc 1.1-20240102.030405-10",
        "- pom 1.1-20240102.030405-10",
        "linux-x86_64 tar.gz 1.1-20240101.030405-11",
    ];
    assert_eq!(read, expected);
    for (name, expected) in [
        ("app-1.1-SNAPSHOT.jar", Some(names[1])),
        ("app-1.1-SNAPSHOT-linux-x86_64.tar.gz", Some(names[3])),
        ("app-1.1-SNAPSHOT-sources.jar", None),
        (names[1], None),
    ] {
        let found = alias(&package(), version, name, &files);
        assert_eq!(found.map(|file| file.name.as_str()), expected, "{name}");
    }
    assert_eq!(alias(&package(), "1.1", "app-1.1.jar", &files), None);
    assert_eq!(snapshot_metadata(&package(), "1.2-SNAPSHOT", &files), None);
}

#[test]
fn announcements_name_versions_builds_and_prefixes() {
    let trace = include_str!("traces/maven-3.9-plugin.txt");
    let group = trace
        .lines()
        .find(|line| line.starts_with("PUT") && line.contains(" /com/example/maven-metadata.xml "));
    let bytes = hexadecimal(group.unwrap().rsplit(' ').next().unwrap());
    let place = MetadataPlace::Package(PackageName::maven("com", "example").unwrap());
    for place in [place, MetadataPlace::Group("com".to_owned())] {
        let said = announcement(&place, &bytes).unwrap();
        assert!(said.versions.is_empty());
        assert_eq!(said.plugins[0].artifact, "hello-maven-plugin");
    }
    let other = MetadataPlace::Snapshot {
        package: package(),
        version: "1-SNAPSHOT".to_owned(),
    };
    assert!(announcement(&other, &bytes).is_err());
    let said = Announcement {
        versions: vec!["1.0".to_owned(), "1.1".to_owned()],
        plugins: Vec::new(),
    };
    assert!(said.names("1.1", "1.1") && !said.names("1.2", "1.2"));
    assert_eq!(said.absent(|version| version == "1.0"), Some("1.1"));
    assert_eq!(said.absent(|_| true), None);
}
