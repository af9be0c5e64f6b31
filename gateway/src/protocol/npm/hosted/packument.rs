//! The document of what is published here, as a registry would send it.
//!
//! It goes through the same reading and rendering as an upstream's; so addresses of tarballs are
//! written relative, and rewritten there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::{Digest, DigestAlgorithm, PackageName, moment};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::path;

/// One package with all that is published of it.
#[derive(Clone, Copy, Debug)]
pub struct HostedPackage<'a> {
    /// Its name.
    pub name: &'a PackageName,
    /// In the order of publishing.
    pub versions: &'a [HostedVersion],
    /// Tag and version.
    pub tags: &'a [(String, String)],
    /// When its first version was published, even if that is gone.
    pub created: SystemTime,
    /// When anything of it changed last.
    pub modified: SystemTime,
}

/// One version that is kept here.
#[derive(Clone, Debug, PartialEq)]
pub struct HostedVersion {
    /// As it was published.
    pub version: String,
    /// As `Publication::check` gave it.
    pub manifest: Map<String, Value>,
    /// When it was accepted.
    pub published: SystemTime,
    /// The tarball first; others are not in the document.
    pub files: Vec<HostedFile>,
    /// How many files the tarball holds and how large they are, if they were counted.
    pub unpacked: Option<(u64, u64)>,
    /// Why nobody should use it.
    pub deprecated: Option<String>,
}

/// A file that is kept here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedFile {
    /// Its name, one path segment.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-1 and SHA-512 are shown.
    pub digests: Vec<Digest>,
}

/// Writes the full document (`application/json`, with `time`, `_id` and `_rev`).
pub fn packument(package: &HostedPackage<'_>) -> Vec<u8> {
    let name = package.name.to_string();
    let mut document = Map::new();
    document.insert("_id".to_owned(), json!(name));
    document.insert("_rev".to_owned(), json!(package.revision()));
    document.insert("name".to_owned(), json!(name));
    let shown = package.latest().map(|latest| &latest.manifest);
    for field in [
        "description",
        "keywords",
        "homepage",
        "bugs",
        "repository",
        "author",
        "contributors",
        "license",
        "readmeFilename",
    ] {
        if let Some(value) = shown.and_then(|manifest| manifest.get(field)) {
            document.insert(field.to_owned(), value.clone());
        }
    }
    let readme = shown.and_then(|manifest| manifest.get("readme"));
    let readme = readme.filter(|readme| readme.is_string());
    document.insert("dist-tags".to_owned(), package.tags());
    let versions = package
        .versions
        .iter()
        .map(|version| (version.version.clone(), version.document(package.name)));
    document.insert("versions".to_owned(), Value::Object(versions.collect()));
    document.insert("time".to_owned(), package.times());
    document.insert(
        "readme".to_owned(),
        readme.cloned().unwrap_or_else(|| json!("")),
    );
    // A map with text for keys always serialises.
    serde_json::to_vec(&document).unwrap_or_default()
}

impl HostedPackage<'_> {
    /// Names the state of everything that an edit can change, as CouchDB's `_rev` does.
    pub fn revision(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        for version in self.versions {
            add(&version.version);
            // An empty reason is none.
            add(version.deprecated.as_deref().unwrap_or_default());
        }
        add("");
        for (tag, target) in self.tags {
            add(tag);
            add(target);
        }
        let hash: Vec<u8> = hash.finalize().to_vec();
        let digest = Digest {
            algorithm: DigestAlgorithm::Sha256,
            bytes: hash,
        };
        format!("{}-{}", self.versions.len(), &digest.hex()[..32])
    }

    /// The version that speaks for the package: `latest`, or the one published last.
    fn latest(&self) -> Option<&HostedVersion> {
        let target = self.tags.iter().find(|(tag, _)| tag == "latest");
        let tagged = target.and_then(|(_, target)| self.version(target));
        tagged.or_else(|| self.versions.last())
    }

    pub(super) fn version(&self, version: &str) -> Option<&HostedVersion> {
        self.versions.iter().find(|known| known.version == version)
    }

    fn tags(&self) -> Value {
        let tags = self.tags.iter();
        Value::Object(
            tags.map(|(tag, target)| (tag.clone(), json!(target)))
                .collect(),
        )
    }

    fn times(&self) -> Value {
        let mut times = Map::new();
        times.insert("created".to_owned(), json!(date(self.created)));
        times.insert("modified".to_owned(), json!(date(self.modified)));
        for version in self.versions {
            times.insert(version.version.clone(), json!(date(version.published)));
        }
        Value::Object(times)
    }
}

impl HostedVersion {
    /// What the package's document says of this version.
    pub(super) fn document(&self, package: &PackageName) -> Value {
        let mut document = self.manifest.clone();
        // Only the package as a whole has one, as with other registries: it is the bulk of it.
        document.shift_remove("readme");
        document.shift_remove("deprecated");
        document.insert("name".to_owned(), json!(package.to_string()));
        document.insert("version".to_owned(), json!(self.version));
        document.insert(
            "_id".to_owned(),
            json!(format!("{package}@{}", self.version)),
        );
        let dist = self.dist(package, document.shift_remove("dist"));
        document.insert("dist".to_owned(), dist);
        if let Some(reason) = &self.deprecated {
            document.insert("deprecated".to_owned(), json!(reason));
        }
        Value::Object(document)
    }

    fn dist(&self, package: &PackageName, published: Option<Value>) -> Value {
        let mut dist = match published {
            Some(Value::Object(dist)) => dist,
            _ => Map::new(),
        };
        let name = path::file_name(package, &self.version);
        let file = self.files.iter().find(|file| file.name == name);
        let digests = file.map_or(&[][..], |file| &file.digests);
        for digest in digests {
            match digest.algorithm {
                DigestAlgorithm::Sha1 => dist.insert("shasum".to_owned(), json!(digest.hex())),
                DigestAlgorithm::Sha512 => {
                    dist.insert("integrity".to_owned(), json!(integrity(digest)))
                }
                _ => None,
            };
        }
        let address = path::tarball_path(package, &name);
        dist.insert("tarball".to_owned(), json!(address));
        if let Some((count, size)) = self.unpacked {
            dist.insert("fileCount".to_owned(), json!(count));
            dist.insert("unpackedSize".to_owned(), json!(size));
        }
        Value::Object(dist)
    }
}

/// Subresource Integrity metadata (W3C SRI 3.5).
fn integrity(digest: &Digest) -> String {
    use base64::Engine as _;
    let value = base64::engine::general_purpose::STANDARD.encode(&digest.bytes);
    format!("{}-{value}", digest.algorithm)
}

/// `2026-11-22T07:24:17.123Z`, as registries and JavaScript write it.
fn date(time: SystemTime) -> String {
    let since = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::from_secs(0));
    format!("{}.{:03}Z", moment::show(time), since.subsec_millis())
}
