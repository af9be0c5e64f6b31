//! Where Maven's repository is written: a mirror in `settings.xml`, else the super POM, the model
//! that every project inherits from and that lies in Maven's installation.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ask::{ask, find_program};
use super::{Candidate, Place, Surroundings, expand, from_files, xml};

/// The id that the super POM gives its repository, and mirrors name.
const CENTRAL: &str = "central";
const SUPER_POM: &str = "org/apache/maven/model/pom-4.0.0.xml";
const SUPER_POM_BYTES_MAX: u64 = 1 << 20;

/// Libraries that hold the super POM: Maven 3, Maven 4.
const LIBRARIES: [&str; 3] = ["maven-model-builder-", "maven-impl-", "maven-api-impl-"];

pub(super) fn places() -> &'static [Place] {
    &[settings, built_in]
}

fn settings(surroundings: &Surroundings) -> Vec<Candidate> {
    let user = surroundings.home.join(".m2/settings.xml");
    let global = homes(surroundings)
        .into_iter()
        .map(|home| home.join("conf/settings.xml"));
    let files = [user].into_iter().chain(global);
    from_files(files, |text| {
        mirror_of_central(text).map(|it| expand(&it, "env.", surroundings))
    })
}

fn built_in(surroundings: &Surroundings) -> Vec<Candidate> {
    let by_place = homes(surroundings)
        .iter()
        .find_map(|home| super_pom_below(home));
    // A wrapper hides the installation; then Maven itself has to say where it is.
    let found = by_place.or_else(|| super_pom_below(&home_by_asking(surroundings)?));
    let Some((library, pom)) = found else {
        return Vec::new();
    };
    let source = format!("Maven's super POM ({})", library.display());
    let written = central_of(&pom);
    written
        .map(|written| Candidate { written, source })
        .into_iter()
        .collect()
}

/// The folders where Maven may be installed.
fn homes(surroundings: &Surroundings) -> Vec<PathBuf> {
    let named = ["MAVEN_HOME", "M2_HOME"]
        .into_iter()
        .filter_map(|it| surroundings.variable(it));
    let mut homes: Vec<PathBuf> = named.map(PathBuf::from).collect();
    let program = find_program(surroundings, "mvn").and_then(|mvn| mvn.canonicalize().ok());
    homes.extend(
        program
            .as_deref()
            .and_then(|mvn| Some(mvn.parent()?.parent()?.to_owned())),
    );
    homes
}

fn home_by_asking(surroundings: &Surroundings) -> Option<PathBuf> {
    let answer = ask(surroundings, "mvn", &["-v"], |_| false)?;
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("Maven home:"))?;
    Some(PathBuf::from(line.trim()))
}

/// The library with the super POM, and the super POM.
fn super_pom_below(home: &Path) -> Option<(PathBuf, String)> {
    let mut libraries: Vec<PathBuf> = fs::read_dir(home.join("lib"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    libraries.sort();
    let holds = |library: &PathBuf| {
        let name = library
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        name.ends_with(".jar") && LIBRARIES.iter().any(|start| name.starts_with(start))
    };
    libraries.into_iter().filter(holds).find_map(|library| {
        let pom = entry_of(&library, SUPER_POM)?;
        Some((library, pom))
    })
}

fn entry_of(library: &Path, name: &str) -> Option<String> {
    let mut archive = zip::ZipArchive::new(File::open(library).ok()?).ok()?;
    let entry = archive.by_name(name).ok()?;
    let mut text = String::new();
    entry
        .take(SUPER_POM_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

fn central_of(pom: &str) -> Option<String> {
    let repositories = xml::elements(pom, "project/repositories/repository");
    let central = repositories
        .into_iter()
        .find(|repository| repository.get("id").is_some_and(|id| id == CENTRAL));
    central?.remove("url")
}

/// The first mirror that stands in for the central repository; one that blocks stands for nothing.
fn mirror_of_central(settings: &str) -> Option<String> {
    let mirrors = xml::elements(settings, "settings/mirrors/mirror");
    let serves = |mirror: &std::collections::BTreeMap<String, String>| {
        let blocks = mirror.get("blocked").is_some_and(|it| it == "true");
        !blocks && mirror.get("mirrorOf").is_some_and(|it| covers_central(it))
    };
    mirrors
        .into_iter()
        .find(serves)?
        .remove("url")
        .filter(|url| !url.is_empty())
}

/// `mirrorOf` as Maven reads it: a list in which an exact name or an exclusion decides.
/// (Guide to Mirror Settings, "Advanced Mirror Specification".)
pub(crate) fn covers_central(mirror_of: &str) -> bool {
    let mut covers = false;
    for pattern in mirror_of.split(',').map(str::trim) {
        match pattern {
            CENTRAL => return true,
            "!central" => return false,
            "*" | "external:*" => covers = true,
            _ => {}
        }
    }
    covers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_cover_central() {
        for (pattern, covers) in [
            ("*", true),
            ("external:*", true),
            ("central", true),
            ("snapshots, central", true),
            ("*,!central", false),
            ("*,!snapshots", true),
            ("external:http:*", false),
            ("snapshots", false),
        ] {
            assert_eq!(covers_central(pattern), covers, "{pattern}");
        }
    }

    #[test]
    fn mirrors_and_the_super_pom() {
        let settings = "<?xml version='1.0'?><settings><!-- a --><mirrors>\
            <mirror><id>b</id><mirrorOf>*</mirrorOf><url>http://0.0.0.0/</url>\
            <blocked>true</blocked></mirror>\
            <mirror><id>m</id><mirrorOf>central</mirrorOf><url>http://upstream.test/a&amp;b</url>\
            </mirror></mirrors></settings>";
        assert_eq!(
            mirror_of_central(settings).as_deref(),
            Some("http://upstream.test/a&b")
        );
        assert_eq!(mirror_of_central("<settings/>"), None);
        assert_eq!(mirror_of_central("<settings><mirrors><mirror>"), None);
        let pom = "<project><repositories><repository><id>central</id>\
            <url>http://upstream.test/m2</url></repository></repositories>\
            <pluginRepositories><pluginRepository><id>central</id><url>x</url>\
            </pluginRepository></pluginRepositories></project>";
        assert_eq!(central_of(pom).as_deref(), Some("http://upstream.test/m2"));
        assert_eq!(central_of(&"<a>".repeat(10_000)), None);
    }
}
