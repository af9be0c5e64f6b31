//! The project page of hosted files, as an upstream would send it: PEP 691, with `size`,
//! `upload-time` and `versions` (PEP 700), yanks (PEP 592), metadata (PEP 714), provenance
//! (PEP 740).

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use rules::{PackageName, moment};
use serde_json::{Value, json};

use super::super::filename;
use super::super::page::version_key;
use super::super::render::file_path;
use super::refused::{Refused, shown};

/// A file that was published here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedFile {
    /// Its name: a distribution of the project.
    pub filename: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// When it was published.
    pub uploaded: SystemTime,
    /// `Requires-Python` of its metadata.
    pub requires_python: Option<String>,
    /// Why it was yanked, if it was; the reason may be empty.
    pub yanked: Option<String>,
    /// SHA-256 of the `.metadata` that is served beside it.
    pub core_metadata_sha256: Option<[u8; 32]>,
    /// Whether an `.asc` is served beside it.
    pub gpg: bool,
    /// Whether its provenance is served.
    pub provenance: bool,
}

/// Writes the page of a project. Addresses are relative to `simple/{name}/`, where it stands.
pub fn page(package: &PackageName, files: &[HostedFile]) -> Vec<u8> {
    let has_provenance = files.iter().any(|file| file.provenance);
    let mut versions = BTreeMap::new();
    let mut entries = Vec::with_capacity(files.len());
    for file in files {
        // The name was checked when it was published; a reader would leave it out as well.
        let Some(version) = filename::version_of(package, &file.filename) else {
            continue;
        };
        versions.entry(version_key(version)).or_insert(version);
        entries.push(entry(package, version, file));
    }
    let versions: Vec<&str> = versions.into_values().collect();
    let page = json!({
        "meta": { "api-version": if has_provenance { "1.3" } else { "1.1" } },
        "name": package.name(),
        "versions": versions,
        "files": entries,
    });
    page.to_string().into_bytes()
}

/// Yanks every file of a version with a reason, or takes the yank back; says how many files the
/// version has (PEP 592: a yank is per file, and a version is yanked when all its files are).
pub fn yank(
    package: &PackageName,
    files: &mut [HostedFile],
    version: &str,
    reason: Option<&str>,
) -> Result<usize, Refused> {
    if reason.is_some_and(|reason| reason.contains(char::is_control)) {
        return Err(Refused::malformed(
            "the reason of a yank is one line of text",
        ));
    }
    let mut count = 0;
    for file in files {
        let found = filename::version_of(package, &file.filename);
        if found.is_some_and(|found| filename::same_version(found, version)) {
            file.yanked = reason.map(str::to_string);
            count += 1;
        }
    }
    if count == 0 {
        let (name, version) = (package.name(), shown(version));
        return Err(Refused::contradictory(format!(
            "{name} has no file of version {version} here"
        )));
    }
    Ok(count)
}

fn entry(package: &PackageName, version: &str, file: &HostedFile) -> Value {
    let path = file_path(package, version, &file.filename);
    let mut entry = json!({
        "filename": file.filename,
        "url": format!("../../{path}"),
        "hashes": { "sha256": hexadecimal(&file.sha256) },
        "size": file.size,
        "upload-time": upload_time(file.uploaded),
    });
    if let Some(python) = &file.requires_python {
        entry["requires-python"] = json!(python);
    }
    entry["yanked"] = match file.yanked.as_deref() {
        None => json!(false),
        Some("") => json!(true),
        Some(reason) => json!(reason),
    };
    if let Some(digest) = &file.core_metadata_sha256 {
        let hashes = json!({ "sha256": hexadecimal(digest) });
        entry["core-metadata"] = hashes.clone();
        entry["dist-info-metadata"] = hashes;
    }
    if file.gpg {
        entry["gpg-sig"] = json!(true);
    }
    if file.provenance {
        let below = path.strip_prefix("files/").unwrap_or(&path);
        entry["provenance"] = json!(format!("../../integrity/{below}/provenance"));
    }
    entry
}

/// PEP 700: UTC, with up to six digits behind the seconds.
fn upload_time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:06}Z", moment::show(time), since.subsec_micros())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
