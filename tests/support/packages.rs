//! Builds the smallest packages that real clients accept (npm tarballs, wheels, jars, POMs) and
//! the documents that list them, with right digests. Pure: bytes in, bytes out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha1::Digest as _;
use std::io::{Cursor, Write as _};

/// When everything was published unless a test says otherwise: long ago.
pub const LONG_AGO: &str = "2020-01-02T03:04:05.000Z";

pub fn sha1_hex(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::digest(bytes))
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// The `integrity` value of npm (W3C SRI).
pub fn sha512_sri(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(sha2::Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

// === npm ===

/// The part of a package's name after its scope.
pub fn leaf(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A tarball with a manifest, a module that returns its own version, and `padding` bytes.
pub fn npm_tarball(name: &str, version: &str, padding: usize) -> Vec<u8> {
    let manifest = npm_manifest(name, version).to_string();
    let module = format!("module.exports = \"{name} {version}\";\n");
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    let padding = noise(padding, version.len() as u64);
    for (path, bytes) in [
        ("package/package.json", manifest.as_bytes()),
        ("package/index.js", module.as_bytes()),
        ("package/padding.bin", &padding),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive
            .append_data(&mut header, path, bytes)
            .expect("a vector takes all bytes");
    }
    let encoder = archive.into_inner().expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}

fn npm_manifest(name: &str, version: &str) -> Value {
    json!({ "name": name, "version": version, "main": "index.js", "license": "MIT" })
}

/// The document of a package whose tarballs are below `base`; the last version is `latest`.
pub fn packument(base: &str, name: &str, versions: &[(String, Vec<u8>)]) -> Value {
    let mut document = json!({
        "_id": name, "_rev": "1-0", "name": name,
        "description": format!("{} for tests", name.to_uppercase()),
        "dist-tags": {}, "versions": {}, "time": { "created": LONG_AGO, "modified": LONG_AGO },
    });
    for (version, tarball) in versions {
        let mut manifest = npm_manifest(name, version);
        manifest["_id"] = json!(format!("{name}@{version}"));
        manifest["dist"] = json!({
            "tarball": format!("{base}{}", npm_tarball_path(name, version)),
            "shasum": sha1_hex(tarball),
            "integrity": sha512_sri(tarball),
            "fileCount": 3,
        });
        document["versions"][version] = manifest;
        document["time"][version] = json!(LONG_AGO);
        document["dist-tags"]["latest"] = json!(version);
    }
    document
}

pub fn npm_tarball_path(name: &str, version: &str) -> String {
    format!("/{name}/-/{}-{version}.tgz", leaf(name))
}

// === PyPI ===

/// PEP 503: the normal form of a project's name.
pub fn normal(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts: Vec<&str> = lower
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-")
}

pub fn wheel_name(project: &str, version: &str) -> String {
    format!(
        "{}-{version}-py3-none-any.whl",
        normal(project).replace('-', "_")
    )
}

pub fn wheel_metadata(project: &str, version: &str) -> String {
    format!("Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nSummary: for tests\n")
}

/// A wheel with one module that holds its own version (PEP 427).
pub fn wheel(project: &str, version: &str, padding: usize) -> Vec<u8> {
    let module = normal(project).replace('-', "_");
    let folder = format!("{module}-{version}.dist-info");
    let tags = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let mut files = vec![
        (
            format!("{module}.py"),
            format!("VERSION = '{version}'\n").into_bytes(),
        ),
        (
            format!("{folder}/METADATA"),
            wheel_metadata(project, version).into_bytes(),
        ),
        (format!("{folder}/WHEEL"), tags.into()),
    ];
    if padding > 0 {
        files.push((format!("{module}_padding.bin"), noise(padding, 7)));
    }
    let mut record = String::new();
    for (path, bytes) in &files {
        let digest = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes));
        record.push_str(&format!("{path},sha256={digest},{}\n", bytes.len()));
    }
    record.push_str(&format!("{folder}/RECORD,,\n"));
    files.push((format!("{folder}/RECORD"), record.into_bytes()));
    zipped(&files)
}

/// One file of a project, as its index page lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    pub file: String,
    pub url: String,
    pub bytes: Vec<u8>,
    /// The SHA-256 of the metadata beside it (PEP 658), if that is offered.
    pub metadata_sha256: Option<String>,
    pub version: String,
}

/// The page of a project as JSON (PEP 691).
pub fn simple_json(project: &str, files: &[Listed]) -> Value {
    let entries: Vec<Value> = files
        .iter()
        .map(|listed| {
            let metadata = match &listed.metadata_sha256 {
                Some(digest) => json!({ "sha256": digest }),
                None => json!(false),
            };
            json!({
                "filename": listed.file, "url": listed.url, "size": listed.bytes.len(),
                "hashes": { "sha256": sha256_hex(&listed.bytes) },
                "requires-python": ">=3.6", "yanked": false,
                "upload-time": LONG_AGO, "core-metadata": metadata,
            })
        })
        .collect();
    let versions: Vec<&str> = files.iter().map(|listed| listed.version.as_str()).collect();
    json!({
        "meta": { "api-version": "1.1" }, "name": normal(project),
        "versions": versions, "files": entries,
    })
}

/// The page of a project as HTML (PEP 503).
pub fn simple_html(project: &str, files: &[Listed]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.1\">\
         <title>Links for {project}</title></head><body>\n"
    );
    for listed in files {
        let metadata = listed
            .metadata_sha256
            .as_ref()
            .map_or(String::new(), |digest| {
                format!(" data-core-metadata=\"sha256={digest}\"")
            });
        page.push_str(&format!(
            "<a href=\"{}#sha256={}\" data-requires-python=\"&gt;=3.6\"{metadata}>{}</a><br>\n",
            listed.url,
            sha256_hex(&listed.bytes),
            listed.file
        ));
    }
    page.push_str("</body></html>\n");
    page
}

// === Maven ===

/// The folder of a coordinate's version below the repository's root, with a slash before it.
pub fn maven_folder(group: &str, artifact: &str, version: &str) -> String {
    format!("/{}/{artifact}/{version}", group.replace('.', "/"))
}

pub fn jar(group: &str, artifact: &str, version: &str) -> Vec<u8> {
    let manifest = "Manifest-Version: 1.0\r\n\r\n".as_bytes().to_vec();
    let properties = format!("groupId={group}\nartifactId={artifact}\nversion={version}\n");
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    zipped(&[
        ("META-INF/MANIFEST.MF".into(), manifest),
        (path, properties.into_bytes()),
    ])
}

pub fn pom(group: &str, artifact: &str, version: &str, packaging: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
         <modelVersion>4.0.0</modelVersion>\n  <groupId>{group}</groupId>\n  \
         <artifactId>{artifact}</artifactId>\n  <version>{version}</version>\n  \
         <packaging>{packaging}</packaging>\n</project>\n"
    )
}

pub fn maven_metadata(group: &str, artifact: &str, versions: &[&str]) -> String {
    let listed: String = versions
        .iter()
        .map(|version| format!("      <version>{version}</version>\n"))
        .collect();
    let newest = versions.last().copied().unwrap_or_default();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n  <groupId>{group}</groupId>\n  \
         <artifactId>{artifact}</artifactId>\n  <versioning>\n    <latest>{newest}</latest>\n    \
         <release>{newest}</release>\n    <versions>\n{listed}    </versions>\n    \
         <lastUpdated>20200102030405</lastUpdated>\n  </versioning>\n</metadata>\n"
    )
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (path, bytes) in files {
        archive
            .start_file(path.as_str(), options)
            .expect("a vector takes all bytes");
        archive.write_all(bytes).expect("a vector takes all bytes");
    }
    archive
        .finish()
        .expect("a vector takes all bytes")
        .into_inner()
}
