//! Puts packages on a scripted upstream, in the shape the registries of their kind have.

use super::packages::{self, Listed};
use super::registry::{Answer, Registry, Seen};

pub const INSTALL_V1: &str = "application/vnd.npm.install-v1+json";
pub const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";
pub const SIMPLE_HTML: &str = "application/vnd.pypi.simple.v1+html";

/// The three spellings of a package's path; the same for a name without scope.
pub fn npm_paths(name: &str) -> Vec<String> {
    let mut paths = vec![format!("/{name}")];
    if name.contains('/') {
        paths.push(format!("/{}", name.replace('/', "%2f")));
        paths.push(format!("/{}", name.replace('/', "%2F")));
    }
    paths
}

/// Puts an npm package with these versions (the last is `latest`) on `registry`; gives back its
/// tarballs in the same order.
pub fn npm(registry: &Registry, name: &str, versions: &[&str]) -> Vec<Vec<u8>> {
    let built: Vec<(String, Vec<u8>)> = versions
        .iter()
        .map(|version| {
            (
                version.to_string(),
                packages::npm_tarball(name, version, 64),
            )
        })
        .collect();
    npm_built(registry, name, &built);
    built.into_iter().map(|(_, tarball)| tarball).collect()
}

/// As [`npm`], with tarballs that the test made.
pub fn npm_built(registry: &Registry, name: &str, versions: &[(String, Vec<u8>)]) {
    let document = packages::packument(&registry.url(), name, versions);
    npm_document(registry, name, &document);
    for (version, tarball) in versions {
        let path = packages::npm_tarball_path(name, version);
        for path in [
            path.clone(),
            path.replacen(name, &name.replace('/', "%2f"), 1),
        ] {
            registry.set(
                &path,
                Answer::ok("application/octet-stream", tarball.clone()),
            );
        }
    }
}

/// Serves `document` at every spelling of the package's path.
pub fn npm_document(registry: &Registry, name: &str, document: &serde_json::Value) {
    let body = document.to_string();
    let etag = format!("\"{}\"", packages::sha1_hex(body.as_bytes()));
    for path in npm_paths(name) {
        let answer = Answer::ok("application/json", body.clone()).header("ETag", &etag);
        registry.set(&path, answer);
    }
}

/// How often the package's document was asked for, in any spelling.
pub fn npm_asked(registry: &Registry, name: &str) -> usize {
    let paths = npm_paths(name);
    registry.count_where(|path| paths.iter().any(|known| known == path))
}

/// Where the scripted upstream keeps a file of a project.
pub fn pypi_path(file: &str) -> String {
    format!(
        "/packages/ab/cd/{}/{file}",
        packages::sha1_hex(file.as_bytes())
    )
}

/// Puts a project with a wheel of each version on `registry`; gives back what was listed.
pub fn pypi(registry: &Registry, project: &str, versions: &[&str]) -> Vec<Listed> {
    pypi_with_files_on(registry, registry, project, versions)
}

/// As [`pypi`], with the files on another host, as the public index has it.
pub fn pypi_with_files_on(
    registry: &Registry,
    files: &Registry,
    project: &str,
    versions: &[&str],
) -> Vec<Listed> {
    let listed: Vec<Listed> = versions
        .iter()
        .map(|version| {
            let file = packages::wheel_name(project, version);
            let path = pypi_path(&file);
            let bytes = packages::wheel(project, version, 0);
            let metadata = packages::wheel_metadata(project, version).into_bytes();
            let digest = packages::sha256_hex(&metadata);
            files.set(&path, Answer::ok("application/octet-stream", bytes.clone()));
            let beside = Answer::ok("application/octet-stream", metadata);
            files.set(&format!("{path}.metadata"), beside);
            Listed {
                file,
                url: format!("{}{path}", files.url()),
                bytes,
                metadata_sha256: Some(digest),
                version: version.to_string(),
            }
        })
        .collect();
    pypi_page(registry, project, &listed);
    listed
}

/// Serves a project's page, as JSON or HTML by what the request accepts.
pub fn pypi_page(registry: &Registry, project: &str, listed: &[Listed]) {
    let json = packages::simple_json(project, listed).to_string();
    let html = packages::simple_html(project, listed);
    let path = pypi_page_path(project);
    registry.set_with(&path, move |seen: &Seen| {
        let is_json = seen.header("accept").contains("simple.v1+json");
        let (kind, body) = if is_json {
            (SIMPLE_JSON, &json)
        } else {
            ("text/html", &html)
        };
        let etag = format!("\"{}\"", packages::sha1_hex(body.as_bytes()));
        Some(
            Answer::ok(kind, body.clone())
                .header("ETag", &etag)
                .header("Vary", "Accept"),
        )
    });
}

pub fn pypi_page_path(project: &str) -> String {
    format!("/simple/{}/", packages::normal(project))
}

/// Puts an artifact (POM, and a jar unless its packaging is `pom`) and the metadata of its
/// coordinate on `registry`; gives back the bytes of the main file of each version.
pub fn maven(
    registry: &Registry,
    (group, artifact): (&str, &str),
    versions: &[&str],
    packaging: &str,
) -> Vec<Vec<u8>> {
    let metadata = packages::maven_metadata(group, artifact, versions);
    let folder = format!("/{}/{artifact}", group.replace('.', "/"));
    maven_file(
        registry,
        &format!("{folder}/maven-metadata.xml"),
        metadata.as_bytes(),
    );
    versions
        .iter()
        .map(|version| {
            let folder = packages::maven_folder(group, artifact, version);
            let pom = packages::pom(group, artifact, version, packaging).into_bytes();
            maven_file(
                registry,
                &format!("{folder}/{artifact}-{version}.pom"),
                &pom,
            );
            if packaging == "pom" {
                return pom;
            }
            let jar = packages::jar(group, artifact, version);
            maven_file(
                registry,
                &format!("{folder}/{artifact}-{version}.jar"),
                &jar,
            );
            jar
        })
        .collect()
}

/// Serves a file and its SHA-1 beside it.
pub fn maven_file(registry: &Registry, path: &str, bytes: &[u8]) {
    let kind = if path.ends_with(".jar") {
        "application/java-archive"
    } else {
        "text/xml"
    };
    let etag = format!("\"{}\"", packages::sha1_hex(bytes));
    let date = "Thu, 02 Jan 2020 03:04:05 GMT";
    let answer = Answer::ok(kind, bytes)
        .header("ETag", &etag)
        .header("Last-Modified", date);
    registry.set(path, answer);
    let digest = Answer::ok("text/plain", packages::sha1_hex(bytes));
    registry.set(&format!("{path}.sha1"), digest);
}
