//! Publishing with further clients and options: Poetry, Gradle, what is there already, provenance.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::clients::{Client, Run, Sandbox, finish};
use crate::support::gateway::{House, sentence};
use crate::support::http::{Reply, Request};
use crate::support::{hosted, packages, publish};

/// The house's own names, which nobody outside may supply.
const OURS: &str = "[[group]]\npattern = \"/npm/mycompany/*\"\nexternal = \"block\"\n\
                    [[group]]\npattern = \"/pypi//mycompany~\"\nexternal = \"block\"\n\
                    [[group]]\npattern = \"/maven/com.mycompany~\"\nexternal = \"block\"\n";

/// A secret that is well formed and in nobody's book.
fn stranger() -> String {
    hosted::token(&House::new(""))
}

/// The names of a project's files, as its index page lists them.
fn pypi_files(house: &House, project: &str) -> Vec<String> {
    let request = Request::get(&format!("/pypi/public/simple/{project}/"));
    let reply = house.send(&request.header("Accept", publish::SIMPLE_JSON));
    if reply.status != 200 {
        return Vec::new();
    }
    let page = reply.json();
    let files = page["files"].as_array().expect("a list").iter();
    let mut names: Vec<String> = files.map(|file| text(&file["filename"])).collect();
    names.sort();
    names
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

// --- Poetry ---

/// A project that Poetry builds and publishes; its module holds `content`.
fn poetry_project(sandbox: &Sandbox, version: &str, content: &str) {
    sandbox.write(
        "pyproject.toml",
        &format!(
            "[project]\nname = \"mycompany-utils\"\nversion = \"{version}\"\n\
             description = \"for tests\"\nrequires-python = \">=3.8\"\n\n\
             [tool.poetry]\npackages = [{{ include = \"mycompany_utils.py\" }}]\n\n\
             [build-system]\nrequires = [\"poetry-core\"]\n\
             build-backend = \"poetry.core.masonry.api\"\n"
        ),
    );
    sandbox.write("mycompany_utils.py", content);
    sandbox.write("README.md", "For tests.\n");
}

/// `poetry publish`, configured by its environment as pipelines do it.
fn poetry(house: &House, sandbox: &Sandbox, secret: &str, more: &[&str]) -> Option<Run> {
    let mut command = sandbox.command(Client::Poetry)?;
    command
        .args(["publish", "--no-interaction", "--repository", "gateway"])
        .args(more)
        .env(
            "POETRY_REPOSITORIES_GATEWAY_URL",
            house.url("/pypi/public/"),
        )
        .env("POETRY_HTTP_BASIC_GATEWAY_USERNAME", "__token__")
        .env("POETRY_HTTP_BASIC_GATEWAY_PASSWORD", secret)
        .stdin(Stdio::null());
    Some(finish(command))
}

#[test]
fn poetry_builds_and_publishes_and_shows_why_not() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let sandbox = Sandbox::new();
    poetry_project(&sandbox, "1.0.0", "VALUE = 1\n");
    let Some(run) = poetry(&house, &sandbox, &stranger(), &["--build"]) else {
        return;
    };
    let run = run.failed();
    assert!(
        run.says("401") && run.says("this token is not known here"),
        "{run:?}"
    );
    assert!(pypi_files(&house, "mycompany-utils").is_empty());
    let again = |more: &[&str]| poetry(&house, &sandbox, &secret, more).expect("it is there");
    again(&[]).succeeded();
    let files = [
        "mycompany_utils-1.0.0-py3-none-any.whl",
        "mycompany_utils-1.0.0.tar.gz",
    ];
    assert_eq!(pypi_files(&house, "mycompany-utils"), files);
    // The same bytes again, as a pipeline that runs twice has it.
    again(&[]).succeeded();
    std::fs::remove_dir_all(sandbox.project("dist")).expect("removed");
    poetry_project(&sandbox, "1.0.0", "VALUE = 2\n");
    let run = again(&["--build"]).failed();
    assert!(
        run.says("409") && run.says("File already exists"),
        "{run:?}"
    );
    let run = again(&["--skip-existing"]).succeeded();
    assert!(!run.says("Traceback"), "{run:?}");
    assert_eq!(pypi_files(&house, "mycompany-utils"), files);
    poetry_project(&sandbox, "1.1.0", "VALUE = 2\n");
    again(&["--build"]).succeeded();
    assert_eq!(pypi_files(&house, "mycompany-utils").len(), 4);
    assert_eq!(house.pypi.total(), 0, "nobody outside was asked");
    let user = Sandbox::new();
    let index = house.url("/pypi/public/simple/");
    if let Some(run) = user.pip_install(Client::Pip, &index, "mycompany-utils") {
        run.succeeded();
        assert_eq!(user.read("installed/mycompany_utils.py"), "VALUE = 2\n");
    }
}

// --- what is there already ---

fn wheel(sandbox: &Sandbox, version: &str, padding: usize) -> String {
    let path = sandbox.project(&packages::wheel_name("mycompany-utils", version));
    let bytes = packages::wheel("mycompany-utils", version, padding);
    std::fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

/// Twine refuses its own `--skip-existing` for any but two public registries.
#[test]
fn twine_goes_on_after_a_file_that_is_there_already() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let sandbox = Sandbox::new();
    let address = house.url("/pypi/public/");
    let upload = |files: &[String]| {
        let mut arguments = vec!["upload", "--non-interactive", "--disable-progress-bar"];
        arguments.extend(["--repository-url", &address]);
        arguments.extend(["--username", "__token__", "--password", &secret]);
        arguments.extend(files.iter().map(String::as_str));
        sandbox.run(Client::Twine, &arguments)
    };
    let first = wheel(&sandbox, "1.0.0", 64);
    let Some(run) = upload(std::slice::from_ref(&first)) else {
        return;
    };
    run.succeeded();
    let files = [first, wheel(&sandbox, "1.1.0", 64)];
    upload(&files).expect("it is there").succeeded();
    assert_eq!(pypi_files(&house, "mycompany-utils").len(), 2);
}

#[test]
fn uv_looks_first_whether_a_file_is_there() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let sandbox = Sandbox::new();
    let (address, index) = (
        house.url("/pypi/public/"),
        house.url("/pypi/public/simple/"),
    );
    let upload = |files: &[String]| {
        let mut arguments = vec!["publish", "--publish-url", &address, "--check-url", &index];
        arguments.extend(["--token", &secret]);
        arguments.extend(files.iter().map(String::as_str));
        sandbox.run(Client::Uv, &arguments)
    };
    let first = wheel(&sandbox, "1.0.0", 64);
    let Some(run) = upload(std::slice::from_ref(&first)) else {
        return;
    };
    run.succeeded();
    let files = [first.clone(), wheel(&sandbox, "1.1.0", 64)];
    let run = upload(&files).expect("it is there").succeeded();
    assert!(run.says("already exists"), "{run:?}");
    assert_eq!(pypi_files(&house, "mycompany-utils").len(), 2);
    wheel(&sandbox, "1.0.0", 65);
    let run = upload(std::slice::from_ref(&first))
        .expect("it is there")
        .failed();
    assert!(run.says("1.0.0"), "{run:?}");
    assert_eq!(house.pypi.total(), 0, "nobody outside was asked");
}

// --- provenance ---

const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What `npm publish --provenance` sends, with a bundle that no authority signed.
fn with_provenance(house: &House, secret: &str, bundle: &str) -> Reply {
    let (name, version) = ("@mycompany/ui", "1.0.0");
    let tarball = packages::npm_tarball(name, version, 64);
    let document = json!({
        "_id": name, "name": name, "dist-tags": { "latest": version }, "access": null,
        "versions": { version: {
            "name": name, "version": version, "_id": format!("{name}@{version}"),
            "dist": {
                "integrity": packages::sha512_sri(&tarball),
                "shasum": packages::sha1_hex(&tarball),
                "tarball": "http://registry.test/@mycompany/ui/-/@mycompany/ui-1.0.0.tgz",
            },
        } },
        "_attachments": {
            "@mycompany/ui-1.0.0.tgz": {
                "content_type": "application/octet-stream",
                "data": STANDARD.encode(&tarball), "length": tarball.len(),
            },
            "@mycompany/ui-1.0.0.sigstore": {
                "content_type": BUNDLE_TYPE, "data": bundle, "length": bundle.len(),
            },
        },
    });
    let request = Request::new("PUT", "/npm/public/@mycompany%2fui");
    let request = request.header("Authorization", &format!("Bearer {secret}"));
    house.send(&request.body("application/json", document.to_string()))
}

#[test]
fn provenance_is_kept_and_shown_where_the_registry_shows_it() {
    let mut house = House::new(OURS);
    let secret = hosted::token(&house);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{ "name": "pkg:npm/%40mycompany/ui@1.0.0" }],
    });
    let bundle = json!({
        "mediaType": BUNDLE_TYPE,
        "dsseEnvelope": { "payload": STANDARD.encode(statement.to_string()) },
    });
    with_provenance(&house, &secret, &bundle.to_string()).expect(201);
    house.crash_and_restart();
    house
        .get("/npm/public/@mycompany/ui/-/ui-1.0.0.tgz")
        .expect(200);
    let document = house.get("/npm/public/@mycompany%2fui").expect(200).json();
    let dist = &document["versions"]["1.0.0"]["dist"];
    let path = "/npm/public/-/npm/v1/attestations/@mycompany%2fui@1.0.0";
    let shown = house.get(path).expect(200).json();
    assert_eq!(shown["attestations"][0]["bundle"], bundle, "{shown}");
    let kind = &dist["attestations"]["provenance"]["predicateType"];
    assert_eq!(kind, "https://slsa.dev/provenance/v1", "{dist}");
    assert_eq!(house.npm.total(), 0, "nobody outside was asked");
}

// --- Gradle ---

/// Debian's program, whatever else is on the path.
const GRADLE: &str = "/usr/share/gradle/bin/gradle";

/// Debian's Gradle lacks a library of its own to publish anything: the one between Maven's
/// resolver and Gradle's HTTP client. This puts it on the class path, and nothing else.
const TRANSPORT: &str = "\
def jar = new File('/usr/share/java/maven-resolver-transport-wagon.jar')
def loader = org.gradle.api.publish.maven.plugins.MavenPublishPlugin.classLoader
def addURL = URLClassLoader.getDeclaredMethod('addURL', URL)
addURL.accessible = true
addURL.invoke(loader, jar.toURI().toURL())
";

/// Runs Gradle in the project; nothing when it is missing and may be.
fn gradle(sandbox: &Sandbox, more: &[&str]) -> Option<Run> {
    // Any client has the others installed.
    Client::Maven.program()?;
    if !Path::new(GRADLE).exists() {
        let must = ["CI", "PORTCULLIS_REQUIRE_CLIENTS"];
        let must = must.iter().any(|name| std::env::var_os(name).is_some());
        assert!(!must, "Gradle is missing and could not be installed");
        eprintln!("SKIPPED: Gradle is missing and could not be installed");
        return None;
    }
    let scripts = sandbox.path("home/gradle/init.d");
    std::fs::create_dir_all(&scripts).expect("a folder");
    std::fs::write(scripts.join("transport.gradle"), TRANSPORT).expect("written");
    let home = format!("-Duser.home={}", sandbox.path("home").display());
    let opened = "--add-opens=java.base/java.net=ALL-UNNAMED";
    let mut command = Command::new(GRADLE);
    command
        .args(["--no-daemon", "--console", "plain", &home])
        .args(more)
        .current_dir(sandbox.path("project"))
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", sandbox.path("home"))
        .env("GRADLE_USER_HOME", sandbox.path("home/gradle"))
        .env("JDK_JAVA_OPTIONS", opened)
        .env("TMPDIR", sandbox.path("tmp"))
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null());
    Some(finish(command))
}

/// The repository as Gradle builds name it.
fn gradle_repository(address: &str, secret: &str) -> String {
    let credentials = match secret {
        "" => String::new(),
        _ => format!("credentials {{ username = '__token__'; password = '{secret}' }}"),
    };
    format!("maven {{ url = '{address}'\n{credentials} }}\n")
}

/// A build that publishes the subprojects; of each a jar, a second jar with a classifier, and a
/// module file.
fn gradle_library(house: &House, sandbox: &Sandbox, secret: &str, version: &str, names: &[&str]) {
    let included: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    sandbox.write(
        "settings.gradle",
        &format!("include {}\n", included.join(", ")),
    );
    let repository = gradle_repository(&house.url("/maven/public"), secret);
    sandbox.write(
        "build.gradle",
        &format!(
            "subprojects {{\n\
             apply plugin: 'java'\napply plugin: 'maven-publish'\n\
             group = 'com.mycompany'\nversion = '{version}'\n\
             tasks.withType(AbstractArchiveTask) {{ preserveFileTimestamps = false; \
             reproducibleFileOrder = true }}\n\
             task extraJar(type: Jar) {{ classifier = 'extra'; from 'extra.txt' }}\n\
             publishing {{\n\
             publications {{ library(MavenPublication) {{ from components.java\n\
             artifact extraJar\n\
             artifact(file('library.module')) {{ extension = 'module' }} }} }}\n\
             repositories {{ {repository} }}\n}}\n}}\n"
        ),
    );
    for name in names {
        let folder = sandbox.project(name);
        std::fs::create_dir_all(folder.join("src/main/resources")).expect("a folder");
        let write = |path: &str, text: String| {
            std::fs::write(folder.join(path), text).expect("written");
        };
        write(
            "src/main/resources/which.txt",
            format!("{name} {version}\n"),
        );
        write("extra.txt", format!("{name}\n"));
        let component = json!({ "group": "com.mycompany", "module": name, "version": version });
        let module = json!({ "formatVersion": "1.0", "component": component, "variants": [] });
        write("library.module", module.to_string());
    }
}

/// A build that fetches dependencies into the folder `fetched`.
fn gradle_user(house: &House, sandbox: &Sandbox, dependencies: &[&str]) {
    let repository = gradle_repository(&house.url("/maven/public"), "");
    let wanted: String = dependencies
        .iter()
        .map(|dependency| format!("wanted '{dependency}'\n"))
        .collect();
    sandbox.write("settings.gradle", "rootProject.name = 'user'\n");
    sandbox.write(
        "build.gradle",
        &format!(
            "repositories {{ {repository} }}\n\
             configurations {{ wanted }}\n\
             configurations.all {{ resolutionStrategy.cacheChangingModulesFor 0, 'seconds' }}\n\
             dependencies {{ {wanted} }}\n\
             task fetch(type: Copy) {{ from configurations.wanted; into 'fetched' }}\n"
        ),
    );
}

const ONE: &str = "/maven/public/com/mycompany/one";

#[test]
fn gradle_publishes_and_another_build_takes_it() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let sandbox = Sandbox::new();
    gradle_library(&house, &sandbox, &stranger(), "1.0", &["one"]);
    let Some(run) = gradle(&sandbox, &["publish"]) else {
        return;
    };
    let run = run.failed();
    assert!(
        run.says("401") && run.says("this token is not known here"),
        "{run:?}"
    );
    gradle_library(&house, &sandbox, &secret, "1.0", &["one"]);
    let publish = || gradle(&sandbox, &["publish"]).expect("it is there");
    publish().succeeded();
    let jar = house
        .get(&format!("{ONE}/1.0/one-1.0.jar"))
        .expect(200)
        .body;
    for file in ["one-1.0.pom", "one-1.0-extra.jar", "one-1.0.module"] {
        let bytes = house.get(&format!("{ONE}/1.0/{file}")).expect(200).body;
        let sum = house.get(&format!("{ONE}/1.0/{file}.sha1")).expect(200);
        assert_eq!(sum.text(), packages::sha1_hex(&bytes), "{file}");
    }
    let list = house
        .get(&format!("{ONE}/maven-metadata.xml"))
        .expect(200)
        .text();
    assert!(list.contains("<version>1.0</version>"), "{list}");
    // The same bytes again are the same version; others are not.
    publish().succeeded();
    std::fs::write(sandbox.project("one/src/main/resources/which.txt"), "other").expect("written");
    let run = publish().failed();
    assert!(
        run.says("409") && run.says("published with other bytes"),
        "{run:?}"
    );
    assert_eq!(
        house
            .get(&format!("{ONE}/1.0/one-1.0.jar"))
            .expect(200)
            .body,
        jar
    );
    let user = Sandbox::new();
    gradle_user(&house, &user, &["com.mycompany:one:1.+"]);
    gradle(&user, &["fetch"]).expect("it is there").succeeded();
    let fetched = std::fs::read(user.project("fetched/one-1.0.jar")).expect("fetched");
    assert_eq!(fetched, jar);
    assert_eq!(house.maven.total(), 0, "nobody outside was asked");
}

#[test]
fn gradle_publishes_snapshots_and_the_newest_is_taken() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let sandbox = Sandbox::new();
    let user = Sandbox::new();
    gradle_user(&house, &user, &["com.mycompany:one:1.0-SNAPSHOT"]);
    for build in 1..=2 {
        gradle_library(&house, &sandbox, &secret, "1.0-SNAPSHOT", &["one"]);
        let which = sandbox.project("one/src/main/resources/which.txt");
        std::fs::write(which, format!("build {build}")).expect("written");
        let Some(run) = gradle(&sandbox, &["publish"]) else {
            return;
        };
        run.succeeded();
        let list = house.get(&format!("{ONE}/1.0-SNAPSHOT/maven-metadata.xml"));
        let list = list.expect(200).text();
        let number = format!("<buildNumber>{build}</buildNumber>");
        assert!(list.contains(&number), "{list}");
        gradle(&user, &["fetch"]).expect("it is there").succeeded();
        let fetched = std::fs::read(user.project("fetched/one-1.0-SNAPSHOT.jar"));
        let built = std::fs::read(sandbox.project("one/build/libs/one-1.0-SNAPSHOT.jar"));
        assert_eq!(
            fetched.expect("fetched"),
            built.expect("built"),
            "build {build}"
        );
    }
    assert_eq!(house.maven.total(), 0, "nobody outside was asked");
}

#[test]
fn two_gradle_builds_publish_their_modules_at_once() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let halves = [["one", "two"], ["three", "four"]];
    let build = |names: &[&str]| {
        let sandbox = Sandbox::new();
        gradle_library(&house, &sandbox, &secret, "1.0", names);
        gradle(&sandbox, &["publish", "--parallel", "--max-workers=2"])
    };
    let runs = std::thread::scope(|scope| {
        let builds = halves.each_ref().map(|names| scope.spawn(|| build(names)));
        builds.map(|build| build.join().expect("a build does not panic"))
    });
    let [Some(first), Some(second)] = runs else {
        return;
    };
    first.succeeded();
    second.succeeded();
    let names = halves.concat();
    for name in &names {
        let folder = format!("/maven/public/com/mycompany/{name}/1.0/{name}-1.0");
        for ending in [".jar", "-extra.jar", ".pom", ".module"] {
            house.get(&format!("{folder}{ending}")).expect(200);
        }
    }
    let user = Sandbox::new();
    let wanted: Vec<String> = names
        .iter()
        .map(|name| format!("com.mycompany:{name}:1.0"))
        .collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    gradle_user(&house, &user, &wanted);
    gradle(&user, &["fetch"]).expect("it is there").succeeded();
    let fetched = std::fs::read_dir(user.project("fetched")).expect("fetched");
    assert_eq!(fetched.count(), 4);
}

/// As later releases of Gradle and Maven 3.9 have it: every file on a connection of its own, with
/// its checksums.
#[test]
fn files_of_a_version_that_arrive_at_once_are_one_version() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let pom = packages::pom("com.mycompany", "one", "1.0", "jar");
    let files = [
        ("one-1.0.jar", packages::jar("com.mycompany", "one", "1.0")),
        ("one-1.0-sources.jar", packages::noise(200_000, 5)),
        ("one-1.0.module", br#"{"formatVersion":"1.1"}"#.to_vec()),
        ("one-1.0.pom", pom.into_bytes()),
    ];
    let put = |path: &str, bytes: &[u8]| hosted::put(&house, &secret, path, bytes);
    std::thread::scope(|scope| {
        for (name, bytes) in &files {
            let path = format!("{ONE}/1.0/{name}");
            scope.spawn(move || {
                let reply = put(&path, bytes);
                assert!(reply.status < 300, "{path}: {}", reply.text());
                for (ending, sum) in sums(bytes) {
                    let path = format!("{path}.{ending}");
                    let reply = put(&path, sum.as_bytes());
                    assert!(reply.status < 300, "{path}: {}", reply.text());
                }
            });
        }
    });
    let early = house.get(&format!("{ONE}/1.0/one-1.0.pom"));
    assert_ne!(early.status, 200, "no metadata, no version");
    let list = packages::maven_metadata("com.mycompany", "one", &["1.0"]);
    let reply = put(&format!("{ONE}/maven-metadata.xml"), list.as_bytes());
    assert!(reply.status < 300, "{}", reply.text());
    for (name, bytes) in &files {
        let path = format!("{ONE}/1.0/{name}");
        assert_eq!(&house.get(&path).expect(200).body, bytes, "{name}");
        for (ending, sum) in sums(bytes) {
            let shown = house.get(&format!("{path}.{ending}")).expect(200);
            assert_eq!(shown.text(), sum, "{name}.{ending}");
        }
    }
}

fn sums(bytes: &[u8]) -> [(&'static str, String); 2] {
    [
        ("sha1", packages::sha1_hex(bytes)),
        ("sha256", packages::sha256_hex(bytes)),
    ]
}

#[test]
fn a_gradle_build_resolves_through_the_gateway_and_shows_a_refusal() {
    let rules = "[[group]]\npattern = \"/maven/org.closed~\"\nexternal = \"block\"\n\
                 internal = \"block\"\npublish = \"block\"\n";
    let house = House::new(rules);
    let jar = publish::maven(&house.maven, ("org.acme", "lib"), &["1.0", "1.2"], "jar").remove(1);
    publish::maven(&house.maven, ("org.closed", "lib"), &["1.0"], "jar");
    let sandbox = Sandbox::new();
    gradle_user(&house, &sandbox, &["org.acme:lib:[1.0,2.0)"]);
    let Some(run) = gradle(&sandbox, &["fetch"]) else {
        return;
    };
    run.succeeded();
    let fetched = std::fs::read(sandbox.project("fetched/lib-1.2.jar")).expect("fetched");
    assert_eq!(fetched, jar);
    house.upstreams_down();
    sandbox.forget_installed();
    gradle(&sandbox, &["fetch"])
        .expect("it is there")
        .succeeded();
    house.upstreams_up();
    house.forget();
    gradle_user(&house, &sandbox, &["org.closed:lib:1.0"]);
    let run = gradle(&sandbox, &["fetch"]).expect("it is there").failed();
    let reason = sentence(&house.get("/maven/public/org/closed/lib/1.0/lib-1.0.pom"));
    assert!(run.says(&reason), "{reason}\n{run:?}");
    let asked = house.maven.count_where(|path| path.contains("closed"));
    assert_eq!(asked, 0, "nobody outside was asked");
}
