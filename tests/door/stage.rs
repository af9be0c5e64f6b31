//! The fixture of the bypass corpus: rules, packages, and for rows about hostile upstream
//! documents what the upstream says.

use super::lenient;
use crate::firewall::{npm_dated, stamp};
use crate::support::gateway::House;
use crate::support::hosted;
use crate::support::packages::{self, Listed};
use crate::support::publish;
use crate::support::registry::{Answer, Registry};

/// A word in the file that lies one level above the data folder.
pub const CANARY_WORD: &str = "CANARY-FILE-CONTENT";
pub const CANARY_FILE: &str = "canary.txt";

/// The fixture's rules: what is denied may come from nowhere; what is internal never comes from
/// outside and may be published.
pub fn rules() -> String {
    let denied = [
        "/npm//evil-pkg$",
        "/npm//EvilCase$",
        "/pypi//evil-dist$",
        "/maven/org.evil/dropper$",
        "/maven/io.dropper/*",
    ];
    let internal = [
        "/npm/acme-int/*",
        "/npm//acme-billing$",
        "/pypi//acme-*",
        "/maven/com.acme~",
    ];
    let mut text = String::new();
    for pattern in denied {
        text.push_str(&format!(
            "[[group]]\npattern = \"{pattern}\"\nexternal = \"block\"\ninternal = \"block\"\n\
             publish = \"block\"\n\n"
        ));
    }
    for pattern in internal {
        text.push_str(&format!(
            "[[group]]\npattern = \"{pattern}\"\nexternal = \"block\"\npublish = \"allow\"\n\n"
        ));
    }
    for pattern in [
        "/npm//fresh-lib$",
        "/pypi//fresh-dist$",
        "/maven/org.fresh/lib$",
    ] {
        text.push_str(&format!(
            "[[group]]\npattern = \"{pattern}\"\nmin_age = \"7d\"\n\n"
        ));
    }
    text
}

/// What the house publishes itself, by one who may.
fn publish_ours(house: &House) {
    let secret = hosted::token(house);
    let jar = b"HOSTED".to_vec();
    let replies = [
        hosted::npm(house, &secret, "@acme-int/core", "1.4.0", "HOSTED"),
        hosted::pypi(house, &secret, "acme-billing", "2.1.0"),
        hosted::maven(house, &secret, ("com.acme", "billing"), "2.1.0", &jar),
    ];
    for reply in replies {
        assert!(reply.status < 300, "{}", reply.text());
    }
}

/// Packages with a version that came out an hour ago.
fn publish_fresh(house: &House) {
    npm_dated(house, "fresh-lib", &[("1.0.0", 400), ("2.0.0", 0)]);
    let listed = publish::pypi(&house.pypi, "fresh-dist", &["3.0"]);
    let mut page = packages::simple_json("fresh-dist", &listed);
    page["files"][0]["upload-time"] = stamp(0).into();
    let page = Answer::ok(publish::SIMPLE_JSON, page.to_string());
    house.pypi.set(&publish::pypi_page_path("fresh-dist"), page);
    publish::maven(&house.maven, ("org.fresh", "lib"), &["3.0"], "jar");
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    let pom = packages::pom("org.fresh", "lib", "3.0", "jar");
    let pom = Answer::ok("text/xml", pom).header("Last-Modified", &now);
    house.maven.set("/org/fresh/lib/3.0/lib-3.0.pom", pom);
}

/// The fixture's house with these rules, before lenient upstreams.
pub fn house(rules: &str) -> House {
    let house = House::new(rules);
    for name in ["JSONStream", "constructor"] {
        publish::npm(&house.npm, name, &["1.0.0"]);
    }
    publish::npm(&house.npm, "lodash", &["4.17.20", "4.17.21"]);
    publish::npm(&house.npm, "@types/node", &["20.0.0"]);
    publish::pypi(&house.pypi, "requests", &["2.31.0"]);
    publish::pypi(&house.pypi, "typing-extensions", &["4.8.0"]);
    publish::maven(&house.maven, ("org.slf4j", "slf4j-api"), &["2.0.9"], "jar");
    publish_fresh(&house);
    publish_ours(&house);
    lenient::install(&house.npm, &house.pypi, &house.maven);
    std::fs::write(house.folder().join(CANARY_FILE), CANARY_WORD).expect("a file can be written");
    house
}

const SLF4J: &str = "/org/slf4j/slf4j-api";

/// Sets what the upstream says for a row about its content; false when the row is unknown here.
pub fn upstream_says(house: &House, other: &Registry, row: &str) -> bool {
    match row {
        "BY314" | "BY315" | "BY319" | "BY326" | "BY328" | "BY332" => npm_says(house, other, row),
        "BY333" | "BY335" | "BY336" => pypi_says(house, other, row),
        "BY339" | "BY340" | "BY341" | "BY342" | "BY343" | "BY344" => maven_says(house, row),
        _ => return false,
    }
    true
}

fn npm_says(house: &House, other: &Registry, row: &str) {
    let tarball = packages::npm_tarball("lodash", "4.17.21", 64);
    let versions = [("4.17.21".to_owned(), tarball)];
    let mut document = packages::packument(&house.npm.url(), "lodash", &versions);
    let path = packages::npm_tarball_path("lodash", "4.17.21");
    {
        let dist = &mut document["versions"]["4.17.21"]["dist"];
        match row {
            "BY314" => dist["tarball"] = format!("{}/x.tgz", other.url()).into(),
            "BY315" => dist["tarball"] = "http://169.254.169.254/latest".into(),
            "BY319" => drop(
                dist.as_object_mut()
                    .and_then(|dist| dist.remove("integrity")),
            ),
            _ => {}
        }
    }
    publish::npm_document(&house.npm, "lodash", &document);
    match row {
        "BY326" => {
            let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
            let text = document.to_string();
            let text = text.replacen('{', &format!("{{\"readme\":{deep},"), 1);
            house
                .npm
                .set("/lodash", Answer::ok("application/json", text));
        }
        "BY328" => {
            let to = "/evil-pkg/-/evil-pkg-1.0.0.tgz";
            house
                .npm
                .set(&path, Answer::status(302).header("Location", to));
        }
        "BY332" => house
            .npm
            .set(&path, Answer::ok("text/html", "please log in")),
        _ => {}
    }
}

fn pypi_says(house: &House, other: &Registry, row: &str) {
    let page = "/simple/requests/";
    let html = |body: String| Answer::ok("text/html", format!("<html><body>{body}</body></html>"));
    match row {
        "BY333" => {
            house.get("/pypi/public/simple/requests/");
            house.pypi.set(page, html("please log in".into()));
        }
        "BY335" => {
            let to = format!("{}/x.whl", other.url()).replacen('h', "&#104;", 1);
            house.pypi.set(
                page,
                html(format!("<a href=\"{to}\">requests-9.0.tar.gz</a>")),
            );
        }
        _ => {
            let file = "evil_dist-1.0-py3-none-any.whl".to_owned();
            let listed = Listed {
                url: format!("{}/packages/{file}", house.pypi.url()),
                file,
                bytes: lenient::EVIL.into(),
                metadata_sha256: None,
                version: "1.0".into(),
            };
            publish::pypi_page(&house.pypi, "requests", &[listed]);
        }
    }
}

fn maven_says(house: &House, row: &str) {
    let metadata = format!("{SLF4J}/maven-metadata.xml");
    let jar = format!("{SLF4J}/2.0.9/slf4j-api-2.0.9.jar");
    let good = packages::maven_metadata("org.slf4j", "slf4j-api", &["2.0.9"]);
    let set = |text: String| publish::maven_file(&house.maven, &metadata, text.as_bytes());
    match row {
        "BY339" => {
            let file = house.folder().join(CANARY_FILE);
            let doctype = format!(
                "<!DOCTYPE m [<!ENTITY x SYSTEM \"file://{}\">]>",
                file.display()
            );
            let text = good.replacen("<metadata>", &format!("{doctype}\n<metadata>"), 1);
            set(text.replacen("2.0.9", "&x;", 1));
        }
        "BY340" => {
            let mut doctype = "<!DOCTYPE m [<!ENTITY a0 \"0123456789\">".to_owned();
            for level in 1..10 {
                let inner = format!("&a{};", level - 1).repeat(10);
                doctype.push_str(&format!("<!ENTITY a{level} \"{inner}\">"));
            }
            let text = good.replacen("<metadata>", &format!("{doctype}]>\n<metadata>"), 1);
            set(text.replacen("2.0.9", "&a9;", 1));
        }
        "BY341" => {
            let attributes: String = (0..800_000).map(|n| format!(" a{n}=\"\"")).collect();
            set(good.replacen("<versioning>", &format!("<versioning{attributes}>"), 1));
        }
        "BY342" => {
            let wrong = Answer::ok("text/plain", packages::sha1_hex(b"other bytes"));
            house.maven.set(&format!("{jar}.sha1"), wrong);
        }
        "BY343" => {
            let html = Answer::ok("text/html", format!("<html>{}</html>", lenient::EVIL));
            house.maven.set(&format!("{jar}.sha1"), html);
        }
        _ => set(packages::maven_metadata(
            "org.evil",
            "dropper",
            &["1.0", lenient::EVIL],
        )),
    }
}
