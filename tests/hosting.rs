//! What the house publishes itself: with the real clients, under tokens and rules, through crashes.

use std::io::Write;

use crate::commands::command;
use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::House;
use crate::support::hosted::{self, put};
use crate::support::http::{Reply, Request, connect};
use crate::support::{eventually, packages, publish};

/// The house's own names, which nobody outside may supply.
const OURS: &str = "[[group]]\npattern = \"/npm/mycompany/*\"\nexternal = \"block\"\n\
                    [[group]]\npattern = \"/pypi//mycompany~\"\nexternal = \"block\"\n\
                    [[group]]\npattern = \"/maven/com.mycompany~\"\nexternal = \"block\"\n";

/// A new token's secret.
fn token(house: &House, name: &str, more: &[&str]) -> String {
    let (status, said) = command(house, &[&["token", "create", name][..], more].concat());
    assert_eq!(status, Some(0), "{said}");
    said.trim().to_owned()
}

fn publisher(house: &House) -> String {
    token(house, "ci", &["--right", "publish"])
}

/// A project that npm can publish, with a token for the registry.
fn npm_package(house: &House, sandbox: &Sandbox, name: &str, version: &str, secret: &str) {
    let registry = house.url("/npm/public/");
    let host = registry.split_once(':').map_or("", |(_, rest)| rest);
    sandbox.npm_project(&registry);
    let npmrc = format!("{}{host}:_authToken={secret}\n", sandbox.read(".npmrc"));
    sandbox.write(".npmrc", &npmrc);
    sandbox.write(
        "package.json",
        &format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"main\":\"index.js\"}}\n"),
    );
    sandbox.write("index.js", &format!("module.exports = {version:?};\n"));
}

fn versions(house: &House, name: &str) -> Vec<String> {
    let reply = house.get(&format!("/npm/public/{name}"));
    if reply.status != 200 {
        return Vec::new();
    }
    let document = reply.json();
    let versions = document["versions"].as_object().expect("an object");
    versions.keys().cloned().collect()
}

#[test]
fn npm_publishes_and_a_higher_version_outside_is_never_asked_for() {
    let mut house = House::new(OURS);
    let secret = publisher(&house);
    let sandbox = Sandbox::new();
    npm_package(&house, &sandbox, "@mycompany/ui", "1.0.0", &secret);
    let Some(run) = sandbox.run(Client::Npm, &["publish"]) else {
        return;
    };
    run.succeeded();
    publish::npm(&house.npm, "@mycompany/ui", &["9.9.9"]);
    let user = Sandbox::new();
    user.npm_project(&house.url("/npm/public/"));
    if let Some(run) = user.npm_add(Client::Npm, "@mycompany/ui") {
        run.succeeded();
        assert_eq!(user.npm_installed("@mycompany/ui"), "1.0.0");
    }
    assert_eq!(publish::npm_asked(&house.npm, "@mycompany/ui"), 0);
    // The same version with other bytes, by the client that looks first and by one that does not.
    sandbox.write("index.js", "module.exports = 'changed';\n");
    let again = sandbox
        .run(Client::Npm, &["publish"])
        .expect("npm is there")
        .failed();
    assert!(
        again.says("previously published") || again.says("use a new version"),
        "{again:?}"
    );
    house.crash_and_restart();
    assert_eq!(versions(&house, "@mycompany/ui"), ["1.0.0"]);
    let asked = house.npm.count_where(|path| path.contains("mycompany"));
    assert_eq!(asked, 0, "nobody outside was asked, but for npm's own news");
}

#[test]
fn npm_edits_what_it_published() {
    let house = House::new(OURS);
    let secret = publisher(&house);
    let sandbox = Sandbox::new();
    for version in ["1.0.0", "1.1.0", "2.0.0-beta.1"] {
        npm_package(&house, &sandbox, "@mycompany/ui", version, &secret);
        let tag = if version.contains('-') {
            "next"
        } else {
            "latest"
        };
        let Some(run) = sandbox.run(Client::Npm, &["publish", "--tag", tag]) else {
            return;
        };
        run.succeeded();
    }
    let npm = |arguments: &[&str]| sandbox.run(Client::Npm, arguments).expect("npm is there");
    let tags = npm(&["dist-tag", "ls", "@mycompany/ui"]).succeeded();
    assert!(
        tags.says("latest: 1.1.0") && tags.says("next: 2.0.0-beta.1"),
        "{tags:?}"
    );
    npm(&["dist-tag", "add", "@mycompany/ui@1.0.0", "stable"]).succeeded();
    npm(&["deprecate", "@mycompany/ui@1.0.0", "use 1.1.0"]).succeeded();
    let document = house.get("/npm/public/@mycompany/ui").json();
    assert_eq!(document["dist-tags"]["stable"], "1.0.0");
    assert_eq!(document["versions"]["1.0.0"]["deprecated"], "use 1.1.0");
    npm(&["unpublish", "@mycompany/ui@1.1.0", "--force"]).succeeded();
    assert_eq!(versions(&house, "@mycompany/ui"), ["1.0.0", "2.0.0-beta.1"]);
    npm(&["unpublish", "@mycompany/ui", "--force"]).succeeded();
    house.get("/npm/public/@mycompany/ui").expect(403);
}

/// A wheel of a project, on disk.
fn wheel(sandbox: &Sandbox, project: &str, version: &str, padding: usize) -> String {
    let name = packages::wheel_name(project, version);
    let path = sandbox.project(&name);
    std::fs::write(&path, packages::wheel(project, version, padding)).expect("written");
    path.display().to_string()
}

fn twine(
    house: &House,
    sandbox: &Sandbox,
    secret: &str,
    file: &str,
) -> Option<crate::support::clients::Run> {
    let address = house.url("/pypi/public/");
    let fixed = [
        "upload",
        "--non-interactive",
        "--disable-progress-bar",
        "--repository-url",
        &address,
    ];
    let user = ["--username", "__token__", "--password", secret, file];
    sandbox.run(Client::Twine, &[&fixed[..], &user].concat())
}

#[test]
fn twine_and_uv_publish_and_pip_installs_ours() {
    let house = House::new(OURS);
    let secret = publisher(&house);
    let sandbox = Sandbox::new();
    let file = wheel(&sandbox, "mycompany-utils", "1.0.0", 64);
    let Some(run) = twine(&house, &sandbox, &secret, &file) else {
        return;
    };
    run.succeeded();
    publish::pypi(&house.pypi, "mycompany-utils", &["9.9.9"]);
    for client in [Client::Pip, Client::Uv] {
        let user = Sandbox::new();
        if let Some(run) = user.pip_install(
            client,
            &house.url("/pypi/public/simple/"),
            "mycompany-utils",
        ) {
            run.succeeded();
            assert!(
                user.project("installed/mycompany_utils-1.0.0.dist-info")
                    .exists()
            );
        }
    }
    assert_eq!(house.pypi.total(), 0, "nobody outside was asked");
    twine(&house, &sandbox, &secret, &file)
        .expect("twine is there")
        .succeeded();
    let changed = wheel(&sandbox, "mycompany-utils", "1.0.0", 65);
    let run = twine(&house, &sandbox, &secret, &changed)
        .expect("twine is there")
        .failed();
    assert!(run.says("File already exists"), "{run:?}");
    let wrong = wheel(&sandbox, "mycompany-utils", "2.0.0", 64);
    let renamed = sandbox.project("mycompany_utils-3.0.0-py3-none-any.whl");
    std::fs::rename(wrong, &renamed).expect("renamed");
    let run = twine(&house, &sandbox, &secret, &renamed.display().to_string());
    run.expect("twine is there").failed();
    let page = house.send(
        &Request::get("/pypi/public/simple/mycompany-utils/")
            .header("Accept", "application/vnd.pypi.simple.v1+json"),
    );
    let page = page.expect(200).json();
    assert_eq!(page["files"].as_array().expect("a list").len(), 1);
    assert!(
        page["files"][0]["core-metadata"]["sha256"].is_string(),
        "{page}"
    );
    let relative = page["files"][0]["url"].as_str().expect("an address");
    let file = relative.split_once("files/").expect("a file's address").1;
    let path = format!("/pypi/public/files/{file}.metadata");
    assert!(
        house
            .get(&path)
            .expect(200)
            .text()
            .contains("Name: mycompany-utils")
    );
    // Yanked by the operator: installers pass it over unless it is pinned.
    let (status, said) = command(
        &house,
        &[
            "version",
            "yank",
            "/pypi//mycompany-utils",
            "1.0.0",
            "--reason",
            "broken",
        ],
    );
    assert_eq!(status, Some(0), "{said}");
    eventually("the yank is shown", || {
        let page = house.send(
            &Request::get("/pypi/public/simple/mycompany-utils/")
                .header("Accept", "application/vnd.pypi.simple.v1+json"),
        );
        page.json()["files"][0]["yanked"] == "broken"
    });
}

fn deploy(house: &House, secret: &str, version: &str, jar: &[u8]) -> Reply {
    hosted::maven(house, secret, ("com.mycompany", "app"), version, jar)
}

#[test]
fn maven_deploys_and_a_version_is_seen_whole_or_not_at_all() {
    let mut house = House::new(OURS);
    let secret = publisher(&house);
    let jar = packages::jar("com.mycompany", "app", "1.0");
    let path = "/maven/public/com/mycompany/app/1.0/app-1.0.jar";
    put(&house, &secret, path, jar.clone()).expect(201);
    assert_ne!(house.get(path).status, 200, "no POM, no metadata");
    deploy(&house, &secret, "1.0", &jar).expect(201);
    assert_eq!(house.get(path).expect(200).body, jar);
    assert_eq!(
        house.get(&format!("{path}.sha1")).expect(200).text(),
        packages::sha1_hex(&jar)
    );
    let list = house
        .get("/maven/public/com/mycompany/app/maven-metadata.xml")
        .expect(200)
        .text();
    assert!(list.contains("<version>1.0</version>"), "{list}");
    deploy(&house, &secret, "1.0", &jar);
    let other = packages::jar("com.mycompany", "app", "1.1");
    let refused = deploy(&house, &secret, "1.0", &other);
    assert_eq!(refused.status, 409, "{}", refused.text());
    let wrong = put(
        &house,
        &secret,
        "/maven/public/com/mycompany/app/2.0/app-2.0.jar.sha1",
        "0".repeat(40),
    );
    assert!(wrong.status < 500, "{}", wrong.status);
    house.crash_and_restart();
    assert_eq!(house.get(path).expect(200).body, jar);
    assert_eq!(house.maven.total(), 0, "nobody outside was asked");
}

#[test]
fn tokens_open_what_they_name_and_nothing_else() {
    let house = House::new(OURS);
    let narrow = token(
        &house,
        "narrow",
        &["--right", "publish", "--pattern", "/npm/mycompany/*"],
    );
    let reader = token(&house, "reader", &[]);
    let sandbox = Sandbox::new();
    npm_package(&house, &sandbox, "@mycompany/ui", "1.0.0", &narrow);
    if let Some(run) = sandbox.run(Client::Npm, &["publish"]) {
        run.succeeded();
        npm_package(&house, &sandbox, "elsewhere", "1.0.0", &narrow);
        let run = sandbox
            .run(Client::Npm, &["publish"])
            .expect("npm is there")
            .failed();
        assert!(
            run.says("token narrow may publish only /npm/mycompany/*"),
            "{run:?}"
        );
    }
    let file = wheel(&sandbox, "mycompany-utils", "1.0.0", 64);
    if let Some(run) = twine(&house, &sandbox, &narrow, &file) {
        assert!(run.failed().says("token narrow may publish only"));
    }
    for (secret, status, words) in [
        (reader.as_str(), 403, "reader"),
        ("portcullis_nonsense", 401, "token"),
        ("", 401, "token"),
    ] {
        let reply = put(&house, secret, "/npm/public/@mycompany%2fui", "{}");
        assert_eq!(reply.status, status, "{secret}");
        assert!(reply.text().contains(words), "{}", reply.text());
    }
    let anonymous =
        house.send(&Request::new("PUT", "/npm/public/left-pad").body("application/json", "{}"));
    assert_eq!(anonymous.status, 401);
    let read = |secret: &str| {
        let request = Request::get("/npm/public/@mycompany%2fui");
        house
            .send(&request.header("Authorization", &format!("Bearer {secret}")))
            .status
    };
    assert_eq!(read(&reader), 200);
    let (status, said) = command(&house, &["token", "revoke", "reader"]);
    assert_eq!(status, Some(0), "{said}");
    eventually("a revoked token is refused", || read(&reader) == 401);
    let (_, list) = command(&house, &["token", "list"]);
    assert!(
        list.contains("narrow  publish") && !list.contains("portcullis_"),
        "{list}"
    );
    // What `npm logout` sends.
    house.send(&Request::new(
        "DELETE",
        &format!("/npm/public/-/user/token/{narrow}"),
    ));
    let log = house.gateway.log();
    assert!(
        !log.contains(&narrow) && !log.contains(&reader),
        "a secret is in the log"
    );
}

#[test]
fn reading_needs_a_token_where_the_operator_says_so() {
    let house = House::new("[access]\nanonymous_read = false\n");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let secret = token(&house, "reader", &[]);
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        run.failed();
    }
    assert_eq!(house.npm.total(), 0, "who may not read causes no request");
    npm_package(&house, &sandbox, "app", "1.0.0", &secret);
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        run.succeeded();
    }
}

#[test]
fn flags_follow_from_the_first_arrival_and_operators_change_them() {
    let house = House::new("");
    let secret = publisher(&house);
    // D1, D2: what came from outside is not published here.
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    house
        .get("/npm/public/left-pad/-/left-pad-1.0.0.tgz")
        .expect(200);
    let sandbox = Sandbox::new();
    npm_package(&house, &sandbox, "left-pad", "1.0.1", &secret);
    let shown = |package: &str| command(&house, &["package", "show", package]).1;
    eventually("the arrival is on record", || {
        shown("/npm//left-pad").contains("publish block")
    });
    let Some(run) = sandbox.run(Client::Npm, &["publish"]) else {
        return;
    };
    assert!(run.failed().says("takes no published versions"));
    // An operator opens it: a patched build of a public version.
    let open = [
        "package",
        "set-origin",
        "/npm//left-pad",
        "--publish",
        "allow",
        "--upstream",
        "allow",
    ];
    assert_eq!(command(&house, &open).0, Some(0));
    npm_package(&house, &sandbox, "left-pad", "1.0.0", &secret);
    let reachable = sandbox
        .run(Client::Npm, &["publish"])
        .expect("npm is there")
        .failed();
    assert!(
        reachable.says("public registry") || reachable.says("previously published"),
        "{reachable:?}"
    );
    npm_package(&house, &sandbox, "left-pad", "1.0.1", &secret);
    sandbox
        .run(Client::Npm, &["publish"])
        .expect("npm is there")
        .succeeded();
    assert_eq!(versions(&house, "left-pad"), ["1.0.1", "1.0.0"]);
    // D3, D4, D5: what was published first is not taken from outside.
    npm_package(&house, &sandbox, "our-thing", "1.1.0", &secret);
    sandbox
        .run(Client::Npm, &["publish"])
        .expect("npm is there")
        .succeeded();
    // The client itself looked before it published.
    house.forget();
    publish::npm(&house.npm, "our-thing", &["3.0.0"]);
    assert_eq!(versions(&house, "our-thing"), ["1.1.0"]);
    let outside = house.get("/npm/public/our-thing/-/our-thing-3.0.0.tgz");
    assert_ne!(outside.status, 200);
    assert_eq!(publish::npm_asked(&house.npm, "our-thing"), 0);
}

#[test]
fn versions_are_promoted_and_retired() {
    let rules = "[repository.staging]\n[repository.prod]\n[[group]]\npattern = \"/npm/mycompany/*\"\nexternal = \"block\"\n";
    let house = House::new(rules);
    let secret = publisher(&house);
    let sandbox = Sandbox::new();
    npm_package(&house, &sandbox, "@mycompany/ui", "1.0.0", &secret);
    let registry = house.url("/npm/staging/");
    let host = registry
        .split_once(':')
        .map_or("", |(_, rest)| rest)
        .to_owned();
    sandbox.write(
        ".npmrc",
        &format!("registry={registry}\n{host}:_authToken={secret}\n"),
    );
    let Some(run) = sandbox.run(Client::Npm, &["publish"]) else {
        return;
    };
    run.succeeded();
    let file = "/npm/prod/@mycompany/ui/-/ui-1.0.0.tgz";
    house.get(file).expect(404);
    let copy = [
        "copy",
        "/npm/mycompany/ui",
        "1.0.0",
        "--from",
        "staging",
        "--to",
        "prod",
    ];
    let (status, said) = command(&house, &copy);
    assert_eq!(status, Some(0), "{said}");
    house.eventually_status(file, 200);
    assert!(command(&house, &copy).1.contains("was there"));
    let missing = [
        "copy",
        "/npm/mycompany/ui",
        "1.0.0",
        "7.7.7",
        "--from",
        "staging",
        "--to",
        "prod",
    ];
    let (status, said) = command(&house, &missing);
    assert!(
        status == Some(2) && said.contains("7.7.7 is not there"),
        "{said}"
    );
    let set = |status: &str| {
        let arguments = [
            "version",
            "set-status",
            "/npm/mycompany/ui",
            "1.0.0",
            status,
            "--repository",
            "prod",
        ];
        let (code, said) = command(&house, &arguments);
        assert_eq!(code, Some(0), "{said}");
    };
    set("unlisted");
    eventually("an unlisted version is not listed", || {
        house.get("/npm/prod/@mycompany/ui").status != 200
    });
    house.get(file).expect(200);
    set("archived");
    house.eventually_status(file, 404);
}

#[test]
fn a_publish_that_is_killed_leaves_a_whole_version_or_none() {
    let mut house = House::new(OURS);
    let secret = publisher(&house);
    let jar = packages::noise(3_000_000, 7);
    for round in 0..6_u64 {
        let version = format!("{round}.0");
        let path = format!("/maven/public/com/mycompany/app/{version}/app-{version}.jar");
        let request =
            Request::new("PUT", &path).header("Authorization", &format!("Bearer {secret}"));
        let request = request.body("application/octet-stream", jar.clone());
        // Cut off at another stage each time; at last when all of it is on its way.
        let bytes = request.bytes(&house.gateway.address.to_string());
        let mut wire = connect(house.gateway.address);
        let sent = bytes.len() * round as usize / 5;
        wire.write_all(&bytes[..sent]).expect("sent");
        house.crash_and_restart();
        assert_ne!(house.get(&path).status, 200, "a jar alone is no version");
        deploy(&house, &secret, &version, &jar).expect(201);
        assert_eq!(house.get(&path).expect(200).body, jar);
    }
}

#[test]
fn who_may_not_read_learns_nothing_by_other_doors() {
    let house = House::new(&format!("[access]\nanonymous_read = false\n{OURS}"));
    let secret = hosted::token(&house);
    hosted::npm(&house, &secret, "@mycompany/ui", "1.0.0", "ours").expect(201);
    hosted::pypi(&house, &secret, "mycompany-utils", "1.0.0").expect(200);
    let narrow = token(
        &house,
        "narrow",
        &["--repository", "public", "--pattern", "/npm/other/*"],
    );
    let asked = r#"{"packages":[{"ecosystem":"npm","package":"@mycompany/ui","version":"1.0.0"}]}"#;
    let preflight = || Request::new("POST", "/-/preflight/public").body("application/json", asked);
    for (request, none, few) in [
        (preflight(), 401, 403),
        (Request::get("/npm/public/@mycompany%2fui"), 401, 403),
        (
            Request::get("/npm/public/@mycompany/ui/-/ui-1.0.0.tgz"),
            401,
            403,
        ),
        (
            Request::get("/pypi/public/simple/mycompany-utils/"),
            401,
            403,
        ),
        (
            Request::get("/pypi/public/simple/MyCompany_Utils/"),
            401,
            403,
        ),
        (
            Request::get("/npm/public/-/npm/v1/attestations/@mycompany%2fui@1.0.0"),
            401,
            403,
        ),
    ] {
        assert_eq!(house.send(&request).status, none, "{request:?}");
        let with = request
            .clone()
            .header("Authorization", &format!("Bearer {narrow}"));
        assert_eq!(house.send(&with).status, few, "{with:?}");
    }
    let reader = preflight().header("Authorization", &format!("Bearer {secret}"));
    let answer = house.send(&reader).expect(200).json();
    assert_eq!(answer["packages"][0]["verdict"], "allow", "{answer}");
    let file = Request::get("/npm/public/@mycompany/ui/-/ui-1.0.0.tgz");
    let file = house
        .send(&file.header("Authorization", &format!("Bearer {secret}")))
        .expect(200);
    assert!(
        file.header("cache-control").starts_with("private"),
        "{file:?}"
    );
}

#[test]
fn what_an_operator_retired_stays_retired() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    for version in ["1.0.0", "1.1.0"] {
        hosted::npm(&house, &secret, "@mycompany/ui", version, "ours").expect(201);
    }
    let set = |package: &str, version: &str| {
        let arguments = ["version", "set-status", package, version, "archived"];
        let (code, said) = command(&house, &arguments);
        assert_eq!(code, Some(0), "{said}");
    };
    set("/npm/mycompany/ui", "1.0.0");
    house.eventually_status("/npm/public/@mycompany/ui/-/ui-1.0.0.tgz", 404);
    let editable = Request::get("/npm/public/@mycompany%2fui?write=true");
    let editable = house.send(&editable.header("Authorization", &format!("Bearer {secret}")));
    let revision = editable.expect(200).json()["_rev"]
        .as_str()
        .expect("a revision")
        .to_owned();
    let target = format!("/npm/public/@mycompany%2fui/-rev/{revision}");
    let delete =
        Request::new("DELETE", &target).header("Authorization", &format!("Bearer {secret}"));
    house.send(&delete).expect(200);
    let again = hosted::npm(&house, &secret, "@mycompany/ui", "1.0.0", "changed");
    assert_eq!(again.status, 409, "{}", again.text());
    // Another spelling of a version is that version.
    hosted::pypi(&house, &secret, "mycompany-utils", "1.0").expect(200);
    set("/pypi//mycompany-utils", "1.0");
    let again = hosted::pypi(&house, &secret, "mycompany-utils", "1.0.0");
    assert_eq!(again.status, 409, "{}", again.text());
}

#[test]
fn a_refused_file_makes_the_whole_deployment_fail() {
    let house = House::new(OURS);
    let secret = hosted::token(&house);
    let top = "/maven/public/com/mycompany/app";
    // Before the first deployment there is no list; Maven takes nothing but that for an answer.
    house.get(&format!("{top}/maven-metadata.xml")).expect(404);
    let pom = packages::pom("com.mycompany", "other", "1.0", "jar");
    let refused = put(&house, &secret, &format!("{top}/1.0/app-1.0.pom"), pom);
    assert_eq!(refused.status, 400, "{}", refused.text());
    let list = packages::maven_metadata("com.mycompany", "app", &["1.0"]);
    let end = put(&house, &secret, &format!("{top}/maven-metadata.xml"), list);
    assert!(end.status >= 400, "{}", end.status);
    // A list that names what others have is no reason to fail.
    let jar = packages::jar("com.mycompany", "app", "2.0");
    deploy(&house, &secret, "2.0", &jar).expect(201);
    let list = packages::maven_metadata("com.mycompany", "app", &["0.9", "2.0"]);
    let end = put(&house, &secret, &format!("{top}/maven-metadata.xml"), list);
    assert!(end.status < 300, "{}", end.status);
}

#[test]
fn every_other_client_of_npm_publishes() {
    let house = House::new(OURS);
    let secret = publisher(&house);
    for (client, version, arguments) in [
        (Client::Pnpm, "1.0.0", &["publish", "--no-git-checks"][..]),
        (
            Client::YarnClassic,
            "1.1.0",
            &["publish", "--non-interactive", "--new-version", "1.1.0"],
        ),
        (Client::YarnBerry, "1.2.0", &["npm", "publish"]),
    ] {
        let sandbox = Sandbox::new();
        npm_package(&house, &sandbox, "@mycompany/ui", version, &secret);
        let registry = house.url("/npm/public/");
        let berry = format!(
            "{}npmRegistries:\n  \"{registry}\":\n    npmAuthToken: \"{secret}\"\n    npmAlwaysAuth: true\n",
            sandbox.read(".yarnrc.yml")
        );
        sandbox.write(".yarnrc.yml", &berry);
        if client == Client::YarnBerry {
            sandbox.write("yarn.lock", "");
            if let Some(run) = sandbox.run(client, &["install"]) {
                run.succeeded();
            }
        }
        if let Some(run) = sandbox.run(client, arguments) {
            run.succeeded();
            assert!(
                versions(&house, "@mycompany/ui").contains(&version.to_owned()),
                "{client:?}"
            );
        }
    }
}

#[test]
fn uv_publishes_and_shows_why_not() {
    let house = House::new(OURS);
    let secret = publisher(&house);
    let sandbox = Sandbox::new();
    let address = house.url("/pypi/public/");
    let publish = |file: &str, token: &str| {
        sandbox.run(
            Client::Uv,
            &["publish", "--publish-url", &address, "--token", token, file],
        )
    };
    let file = wheel(&sandbox, "mycompany-utils", "1.0.0", 64);
    let Some(run) = publish(&file, &secret) else {
        return;
    };
    run.succeeded();
    let changed = wheel(&sandbox, "mycompany-utils", "1.0.0", 65);
    let run = publish(&changed, &secret).expect("uv is there").failed();
    assert!(run.says("File already exists"), "{run:?}");
    let narrow = token(
        &house,
        "narrow",
        &["--right", "publish", "--pattern", "/npm/mycompany/*"],
    );
    let run = publish(&changed, &narrow).expect("uv is there").failed();
    assert!(run.says("token narrow may publish only"), "{run:?}");
    let run = publish(&changed, "portcullis_nonsense")
        .expect("uv is there")
        .failed();
    assert!(run.says("401"), "{run:?}");
}
