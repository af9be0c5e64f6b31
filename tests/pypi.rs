//! pip, uv and Poetry: install, pin, lock; pages as JSON and HTML; files and their metadata.

use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::House;
use crate::support::http::{Reply, Request};
use crate::support::registry::Registry;
use crate::support::{packages, publish};

const INSTALLERS: [Client; 2] = [Client::Pip, Client::Uv];

/// Where a file of a page leads, as a path on the gateway.
fn file_path(page: &Reply, page_path: &str, file: &str) -> String {
    let document = page.json();
    let files = document["files"].as_array().cloned().unwrap_or_default();
    let entry = files.iter().find(|entry| entry["filename"] == file);
    let url = entry
        .and_then(|entry| entry["url"].as_str())
        .unwrap_or_default()
        .to_owned();
    assert!(!url.is_empty(), "{file} is not listed: {document}");
    if let Some(rest) = url.strip_prefix("http://") {
        return rest[rest.find('/').unwrap_or_default()..].to_owned();
    }
    let mut folders: Vec<&str> = page_path.trim_end_matches('/').split('/').collect();
    for part in url.split('/') {
        match part {
            ".." => drop(folders.pop()),
            part => folders.push(part),
        }
    }
    folders.join("/")
}

fn json_page(house: &House, project: &str) -> Reply {
    let request = Request::get(&format!("/pypi/public/simple/{project}/"));
    house
        .send(&request.header("Accept", publish::SIMPLE_JSON))
        .expect(200)
}

#[test]
fn pip_and_uv_install_the_newest_and_a_pinned_version() {
    let house = House::new("");
    publish::pypi(&house.pypi, "demo-pkg", &["1.0", "2.0"]);
    let index = house.url("/pypi/public/simple/");
    for client in INSTALLERS {
        for (requirement, version) in [("demo-pkg", "2.0"), ("Demo.Pkg==1.0", "1.0")] {
            let sandbox = Sandbox::new();
            let Some(run) = sandbox.pip_install(client, &index, requirement) else {
                continue;
            };
            run.succeeded();
            let module = sandbox.read("installed/demo_pkg.py");
            assert_eq!(module, format!("VERSION = '{version}'\n"), "{client:?}");
        }
    }
}

#[test]
fn poetry_locks_and_installs() {
    let house = House::new("");
    publish::pypi(&house.pypi, "demo-pkg", &["1.0"]);
    let sandbox = Sandbox::new();
    sandbox.poetry_project(&house.url("/pypi/public/simple/"), "demo-pkg");
    let Some(run) = sandbox.run(Client::Poetry, &["lock", "--no-interaction"]) else {
        return;
    };
    run.succeeded();
    assert!(
        sandbox
            .read("poetry.lock")
            .contains("demo_pkg-1.0-py3-none-any.whl")
    );
    let arguments = ["install", "--no-interaction", "--no-root"];
    sandbox
        .run(Client::Poetry, &arguments)
        .expect("the client is there")
        .succeeded();
}

#[test]
fn files_on_another_host_are_learnt_from_the_page() {
    let house = House::new("");
    let files = Registry::start();
    let listed = publish::pypi_with_files_on(&house.pypi, &files, "demo-pkg", &["1.0"]).remove(0);
    let page = json_page(&house, "demo-pkg");
    let path = file_path(&page, "/pypi/public/simple/demo-pkg/", &listed.file);
    assert_eq!(house.get(&path).expect(200).body, listed.bytes);
    assert_eq!(files.count(&publish::pypi_path(&listed.file)), 1);
}

#[test]
fn a_warm_project_installs_while_the_upstream_is_down() {
    let house = House::with_limits("", "fresh_pypi = \"0s\"");
    publish::pypi(&house.pypi, "demo-pkg", &["1.0"]);
    let index = house.url("/pypi/public/simple/");
    for client in INSTALLERS {
        let sandbox = Sandbox::new();
        house.upstreams_up();
        let Some(run) = sandbox.pip_install(client, &index, "demo-pkg") else {
            continue;
        };
        run.succeeded();
        house.upstreams_down();
        let sandbox = Sandbox::new();
        let run = sandbox
            .pip_install(client, &index, "demo-pkg")
            .expect("the client is there");
        run.succeeded();
    }
}

#[test]
fn pages_come_as_json_and_html_with_the_right_types() {
    let house = House::new("");
    publish::pypi(&house.pypi, "demo-pkg", &["1.0"]);
    let page = "/pypi/public/simple/demo-pkg/";
    let json = json_page(&house, "demo-pkg");
    assert_eq!(json.header("content-type"), publish::SIMPLE_JSON);
    let request = Request::get(page).header("Accept", publish::SIMPLE_HTML);
    let html = house.send(&request).expect(200);
    assert_eq!(html.header("content-type"), publish::SIMPLE_HTML);
    let plain = house
        .send(&Request::get(page).header("Accept", "text/html"))
        .expect(200);
    assert!(
        plain.header("content-type").starts_with("text/html"),
        "{:?}",
        plain.headers
    );
    for reply in [&json, &html, &plain] {
        assert!(reply.text().contains("demo_pkg-1.0-py3-none-any.whl"));
        assert!(reply.header("vary").to_ascii_lowercase().contains("accept"));
        assert!(
            reply.header("cache-control").contains("no-cache"),
            "{:?}",
            reply.headers
        );
    }
    assert_ne!(json.header("etag"), html.header("etag"));
}

#[test]
fn hashes_and_upload_times_pass_and_addresses_are_ours() {
    let house = House::new("");
    let listed = publish::pypi(&house.pypi, "demo-pkg", &["1.0"]).remove(0);
    let page = json_page(&house, "demo-pkg");
    let entry = &page.json()["files"][0];
    assert_eq!(
        entry["hashes"]["sha256"],
        packages::sha256_hex(&listed.bytes)
    );
    assert_eq!(entry["upload-time"], packages::LONG_AGO);
    assert!(
        !page.text().contains(&house.pypi.address().to_string()),
        "{}",
        page.text()
    );
    let path = file_path(&page, "/pypi/public/simple/demo-pkg/", &listed.file);
    assert_eq!(
        path,
        format!("/pypi/public/files/demo-pkg/1.0/{}", listed.file)
    );
}

#[test]
fn a_file_and_its_metadata_are_the_upstreams_bytes() {
    let house = House::new("");
    let listed = publish::pypi(&house.pypi, "demo-pkg", &["1.0"]).remove(0);
    let path = format!("/pypi/public/files/demo-pkg/1.0/{}", listed.file);
    assert_eq!(house.get(&path).expect(200).body, listed.bytes);
    let metadata = house.get(&format!("{path}.metadata")).expect(200);
    assert_eq!(metadata.text(), packages::wheel_metadata("demo-pkg", "1.0"));
}

#[test]
fn other_spellings_of_a_project_reach_the_same_page() {
    let house = House::new("");
    publish::pypi(&house.pypi, "demo-pkg", &["1.0"]);
    for spelling in ["Demo_Pkg", "demo.pkg", "DEMO--PKG", "demo-pkg"] {
        for end in ["/", ""] {
            let path = format!("/pypi/public/simple/{spelling}{end}");
            let reply = house.get(&path);
            match reply.status {
                200 => assert!(reply.text().contains("demo_pkg-1.0-py3-none-any.whl")),
                301 | 308 => {
                    let to = reply.header("location");
                    assert!(to.ends_with("demo-pkg/"), "{path} leads to {to}");
                    assert!(
                        to.starts_with('/') || to.starts_with(&house.url("/")),
                        "{to}"
                    );
                }
                status => panic!("{path}: {status}"),
            }
        }
    }
    assert_eq!(
        house.pypi.count(&publish::pypi_page_path("demo-pkg")),
        1,
        "one key for all"
    );
}

#[test]
fn a_project_that_is_not_there_is_a_plain_404() {
    let house = House::new("");
    let reply = house
        .get("/pypi/public/simple/no-such-project/")
        .expect(404);
    assert!(
        reply.header("content-type").starts_with("text/html"),
        "{:?}",
        reply.headers
    );
}

#[test]
fn a_respelled_project_is_sent_to_its_address_with_its_query() {
    let house = House::new("");
    let reply = house.get("/pypi/public/simple/Demo_Pkg?x=1").expect(301);
    assert_eq!(
        reply.header("location"),
        "/pypi/public/simple/demo-pkg/?x=1"
    );
}
