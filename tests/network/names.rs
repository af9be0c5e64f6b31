//! The addresses that clients use when nobody told them any. They are asked of the clients
//! themselves, as the program does, and are written nowhere.

use super::clients;
use crate::support::clients::{Client, Sandbox};
use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

/// A registry's base address: `https://HOST/PATH`, the path with slashes at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub host: String,
    pub path: String,
}

impl Base {
    fn parse(url: &str) -> Base {
        let rest = url
            .trim()
            .strip_prefix("https://")
            .expect("clients use TLS");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        let path = if path.is_empty() {
            "/".into()
        } else {
            format!("/{path}/")
        };
        Base {
            host: host.into(),
            path,
        }
    }

    pub fn url(&self) -> String {
        format!("https://{}{}", self.host, self.path)
    }
}

/// The registries of the three ecosystems.
#[derive(Debug, Clone)]
pub struct Names {
    pub npm: Base,
    pub pypi: Base,
    pub maven: Base,
}

/// Where PyPI's files are: links say so, no client has it built in.
pub const FILES: &str = "files.registry.test";
/// A host that is no registry's, with a certificate that its clients pin.
pub const PINNED: &str = "pinned.other.test";

impl Names {
    /// For requests that no real client makes.
    pub fn made_up() -> Names {
        Names {
            npm: Base::parse("https://npm.registry.test/"),
            pypi: Base::parse("https://pypi.registry.test/simple/"),
            maven: Base::parse("https://maven.registry.test/maven2/"),
        }
    }

    /// What the clients have built in. A client that is missing keeps the made-up name: it is
    /// not going to ask for any, and its own run says that it is missing.
    pub fn built_in() -> Names {
        static NAMES: OnceLock<Names> = OnceLock::new();
        let discover = || {
            let known = Names::made_up();
            Names {
                npm: npm().map_or(known.npm, |url| Base::parse(&url)),
                pypi: pypi().map_or(known.pypi, |url| Base::parse(&url)),
                maven: maven().map_or(known.maven, |url| Base::parse(&url)),
            }
        };
        NAMES.get_or_init(discover).clone()
    }
}

fn ask(client: Client, arguments: &[&str]) -> Option<String> {
    let run = clients::outside(&Sandbox::new(), client, arguments)?;
    Some(run.succeeded().text)
}

fn npm() -> Option<String> {
    let told = ask(Client::Npm, &["config", "get", "registry"])?;
    // Notices may stand around it.
    let url = told.lines().find(|line| line.starts_with("https://"));
    Some(url.expect("npm says its registry").to_owned())
}

/// pip's own module; uv has the same index.
fn pypi() -> Option<String> {
    let program = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
    let pip = clients::program(Client::Pip)?;
    let python = Path::new(&pip).with_file_name("python");
    let output = std::process::Command::new(python)
        .args(["-c", program])
        .output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The model that every project inherits from, in Maven's installation.
fn maven() -> Option<String> {
    let told = ask(Client::Maven, &["--version"])?;
    let home = told
        .lines()
        .find_map(|line| line.strip_prefix("Maven home: "));
    let library = Path::new(home.expect("Maven says where it is")).join("lib");
    let files = std::fs::read_dir(&library).expect("Maven has libraries");
    let mut urls = files.flatten().filter_map(|file| central(&file.path()));
    Some(urls.next().expect("Maven has a super POM"))
}

/// The first repository of the super POM, if this library holds it.
fn central(library: &Path) -> Option<String> {
    let is_model = |name: &str| name.starts_with("maven-model-builder") || name.contains("-impl-");
    library
        .file_name()?
        .to_str()
        .filter(|name| is_model(name))?;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(library).ok()?).ok()?;
    let mut text = String::new();
    let mut pom = archive
        .by_name("org/apache/maven/model/pom-4.0.0.xml")
        .ok()?;
    pom.read_to_string(&mut text).ok()?;
    let (_, rest) = text.split_once("<url>")?;
    Some(rest.split_once("</url>")?.0.to_owned())
}
