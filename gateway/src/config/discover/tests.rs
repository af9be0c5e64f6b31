//! The order of places, what is passed over, and asking programs that only look like clients.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;

struct Machine {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}:/bin:/usr/bin", folder.path().join("bin").display());
        // Only programs of the test: real clients of this machine must not answer.
        let path = path.split(':').next().unwrap().to_owned();
        Machine {
            folder,
            env: BTreeMap::from([("PATH".to_owned(), path)]),
        }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    fn program(self, name: &str, script: &str) -> Self {
        let file = self.folder.path().join("bin").join(name);
        let machine = self.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn discover(&self) -> Discovery {
        let (home, root) = (
            self.folder.path().join("home"),
            self.folder.path().to_owned(),
        );
        let own = Own {
            listen: "127.0.0.1:8080".parse().ok(),
            public_url: Some("http://packages.test/gate".to_owned()),
        };
        discover(
            &Surroundings {
                env: self.env.clone(),
                home,
                root,
            },
            &own,
        )
    }
}

fn url(discovery: &Discovery, ecosystem: Ecosystem) -> Option<&str> {
    discovery
        .found
        .get(&ecosystem)
        .map(|found| found.url.as_str())
}

#[test]
fn a_bare_machine_has_nothing_and_says_so() {
    let discovery = Machine::new().discover();
    assert!(discovery.found.is_empty());
    assert_eq!(discovery.notes.len(), 3, "{:?}", discovery.notes);
    assert!(
        discovery
            .notes
            .iter()
            .all(|note| note.contains("below [upstreams]"))
    );
}

#[test]
fn clients_are_asked_for_their_defaults() {
    let machine = Machine::new()
        .program(
            "npm",
            "echo noise >&2; test -z \"$npm_config_registry\" && echo http://upstream.test/",
        )
        .program("python3", "echo http://upstream.test/simple");
    let discovery = machine.discover();
    assert_eq!(
        url(&discovery, Ecosystem::Npm),
        Some("http://upstream.test/")
    );
    assert_eq!(
        url(&discovery, Ecosystem::Pypi),
        Some("http://upstream.test/")
    );
    assert!(
        discovery.found[&Ecosystem::Npm]
            .source
            .contains("npm config get registry")
    );
    let failing = Machine::new()
        .program("npm", "echo http://upstream.test/; exit 1")
        .discover();
    assert_eq!(url(&failing, Ecosystem::Npm), None);
}

#[test]
fn variables_come_before_files_and_files_before_defaults() {
    let machine = Machine::new()
        .program("npm", "echo http://default.test/")
        .file("home/.npmrc", "registry=http://${PLACE}/npm")
        .variable("PLACE", "file.test")
        .file(
            "home/.config/pip/pip.conf",
            "[global]\nindex-url = http://u:p@file.test/simple",
        )
        .file(
            "etc/pip.conf",
            "[global]\nindex-url = http://etc.test/simple",
        );
    let discovery = machine.discover();
    assert_eq!(
        url(&discovery, Ecosystem::Npm),
        Some("http://file.test/npm/")
    );
    assert_eq!(url(&discovery, Ecosystem::Pypi), Some("http://file.test/"));
    let found = &discovery.found[&Ecosystem::Pypi];
    assert_eq!(found.credentials, Some(Secret::basic("u", "p")));
    assert!(found.source.ends_with("pip.conf"));
    let machine = machine
        .variable("NPM_CONFIG_registry", "http://variable.test")
        .variable("UV_DEFAULT_INDEX", "http://variable.test/simple/");
    let discovery = machine.discover();
    assert_eq!(
        url(&discovery, Ecosystem::Npm),
        Some("http://variable.test/")
    );
    assert_eq!(
        url(&discovery, Ecosystem::Pypi),
        Some("http://variable.test/")
    );
}

#[test]
fn the_gateway_itself_is_passed_over() {
    for ours in [
        "http://127.0.0.1:8080/anything/",
        "http://localhost:8080/npm/public/",
        "http://[::1]:9999/npm/other/",
        "http://packages.test/gate/npm/public/",
    ] {
        let machine = Machine::new()
            .variable("npm_config_registry", ours)
            .program("npm", "echo http://default.test/");
        let discovery = machine.discover();
        assert_eq!(
            url(&discovery, Ecosystem::Npm),
            Some("http://default.test/"),
            "{ours}"
        );
        assert!(
            discovery
                .notes
                .iter()
                .any(|note| note.contains("passed over")),
            "{ours}"
        );
    }
    for other in [
        "http://127.0.0.1:4873/",
        "http://packages.test/gates/",
        "http://localhost/npm/",
    ] {
        let discovery = Machine::new()
            .variable("npm_config_registry", other)
            .discover();
        assert_eq!(url(&discovery, Ecosystem::Npm), Some(other));
    }
}

#[test]
fn an_unusable_mirror_is_not_bypassed() {
    for unusable in ["not an address", "http://mirror.test/index/"] {
        let machine = Machine::new()
            .variable("PIP_INDEX_URL", unusable)
            .program("python3", "echo http://default.test/simple");
        let discovery = machine.discover();
        assert_eq!(url(&discovery, Ecosystem::Pypi), None, "{unusable}");
        assert!(
            discovery
                .notes
                .iter()
                .any(|note| note.contains("can't be used"))
        );
    }
}

#[test]
fn maven_has_mirrors_and_a_super_pom() {
    let mut jar = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    jar.start_file("org/apache/maven/model/pom-4.0.0.xml", options)
        .unwrap();
    jar.write_all(
        b"<project><repositories><repository><id>central</id><url>http://upstream.test/m2</url>\
          </repository></repositories></project>",
    )
    .unwrap();
    let jar = jar.finish().unwrap().into_inner();
    let machine = Machine::new()
        .program("mvn", "exit 1")
        .file("maven/bin/mvn", "");
    let root = machine.folder.path().to_owned();
    fs::remove_file(root.join("bin/mvn")).unwrap();
    std::os::unix::fs::symlink(root.join("maven/bin/mvn"), root.join("bin/mvn")).unwrap();
    fs::create_dir_all(root.join("maven/lib")).unwrap();
    fs::write(root.join("java.jar"), jar).unwrap();
    let link = root.join("maven/lib/maven-model-builder-3.x.jar");
    std::os::unix::fs::symlink(root.join("java.jar"), link).unwrap();
    let discovery = machine.discover();
    assert_eq!(
        url(&discovery, Ecosystem::Maven),
        Some("http://upstream.test/m2/")
    );
    let machine = machine.file(
        "home/.m2/settings.xml",
        "<settings><mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf>\
         <url>http://${env.MIRROR}/m2</url></mirror></mirrors></settings>",
    );
    let discovery = machine.variable("MIRROR", "mirror.test").discover();
    assert_eq!(
        url(&discovery, Ecosystem::Maven),
        Some("http://mirror.test/m2/")
    );
}
