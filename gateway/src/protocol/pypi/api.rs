//! Rendering the JSON API's documents, `/pypi/{name}/json` and `/pypi/{name}/{version}/json`.
//!
//! They are a second door to the same files, so their links and yanks get the same treatment. They
//! have no PEP of their own; the fields are those of the registry's documentation.

use std::collections::BTreeMap;

use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::{Part, Rendered, Unrenderable};
use super::filename::same_version;
use super::merge::{Merged, Shelved};
use super::page::{Project, version_key};
use super::render::file_path;

/// The keys that a project page and the JSON API name differently.
const RENAMED: [(&str, &str); 4] = [
    ("hashes", "digests"),
    ("upload-time", "upload_time_iso_8601"),
    ("requires-python", "requires_python"),
    ("gpg-sig", "has_sig"),
];

/// Renders the document of a project, or of one `version` of it.
pub fn project_json(
    package: &PackageName,
    version: Option<&str>,
    parts: &[Part<'_>],
    base: &str,
) -> Result<Rendered, Unrenderable> {
    let mut merged = Merged::new(parts);
    if version.is_none() {
        // One version's document says nothing of whether the others are withheld.
        merged.unmark_if_all_withheld();
    }
    let mut head = merged.head();
    let subject = subject(&merged, version).ok_or(Unrenderable::Absent)?;
    let withheld = merged.files.iter().find_map(|shelved| {
        shelved
            .withheld
            .filter(|_| same_version(shelved.version, &subject))
    });
    let info = info(package, &merged, &subject, withheld, base);
    head.insert("info".to_string(), Value::Object(info));
    for key in ["files", "meta", "name", "alternate-locations"] {
        head.shift_remove(key);
    }
    if version.is_none() {
        head.insert(
            "releases".to_string(),
            Value::Object(releases(package, &merged, base)),
        );
    }
    head.insert(
        "urls".to_string(),
        Value::Array(urls(package, &merged, &subject, base)),
    );
    if merged.projects.len() > 1 {
        head.shift_remove("last_serial");
    }
    let bytes = Value::Object(head).to_string().into_bytes();
    Ok(Rendered {
        bytes,
        content_type: "application/json",
    })
}

/// The version that `info` and `urls` speak of: the one asked for, else what the nearest part says
/// is current, else its newest.
fn subject(merged: &Merged<'_>, version: Option<&str>) -> Option<String> {
    let project = merged.projects.first()?;
    let named = info_version(project);
    if let Some(version) = version {
        let listed = merged.versions.iter().copied().chain(named);
        return listed
            .into_iter()
            .find(|listed| same_version(listed, version))
            .map(String::from);
    }
    let newest = || {
        merged
            .versions
            .iter()
            .copied()
            .max_by_key(|text| version_key(text))
    };
    named.or_else(newest).map(String::from)
}

fn info_version(project: &Project) -> Option<&str> {
    project.head.get("info")?.get("version")?.as_str()
}

/// `info` of the nearest document that speaks of the version, else as much as is known.
fn info(
    package: &PackageName,
    merged: &Merged<'_>,
    subject: &str,
    withheld: Option<&str>,
    base: &str,
) -> Map<String, Value> {
    let speaks = |project: &&&Project| {
        info_version(project).is_some_and(|version| same_version(version, subject))
    };
    let found = merged
        .projects
        .iter()
        .find(speaks)
        .and_then(|project| project.head.get("info"));
    let mut info = match found {
        Some(Value::Object(info)) => info.clone(),
        _ => Map::from_iter([
            ("name".to_string(), json!(package.name())),
            ("version".to_string(), json!(subject)),
            ("yanked".to_string(), json!(false)),
            ("yanked_reason".to_string(), Value::Null),
        ]),
    };
    // The registry's own pages; this gateway's page of the project is what it has instead.
    let page = format!("{base}/simple/{}/", package.name());
    for key in ["package_url", "project_url", "release_url"] {
        if info.contains_key(key) {
            info.insert(key.to_string(), json!(page));
        }
    }
    if let Some(sentence) = withheld {
        info.insert("yanked".to_string(), json!(true));
        info.insert("yanked_reason".to_string(), json!(sentence));
    }
    info
}

fn releases(package: &PackageName, merged: &Merged<'_>, base: &str) -> Map<String, Value> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
    for version in &merged.versions {
        places.insert(version_key(version), groups.len());
        groups.push((version, Vec::new()));
    }
    for shelved in &merged.files {
        if let Some(place) = places.get(&version_key(shelved.version)) {
            groups[*place].1.push(entry(package, shelved, base));
        }
    }
    groups
        .into_iter()
        .map(|(name, files)| (name.to_string(), Value::Array(files)))
        .collect()
}

fn urls(package: &PackageName, merged: &Merged<'_>, subject: &str, base: &str) -> Vec<Value> {
    let files = merged.files.iter();
    let files = files.filter(|shelved| same_version(shelved.version, subject));
    files.map(|shelved| entry(package, shelved, base)).collect()
}

fn entry(package: &PackageName, shelved: &Shelved<'_>, base: &str) -> Value {
    let Shelved {
        file,
        version,
        withheld,
    } = shelved;
    let mut entry = file.entry.clone();
    if entry.contains_key("hashes") {
        translate(&mut entry);
    }
    let url = format!("{base}/{}", file_path(package, version, &file.name));
    entry.insert("url".to_string(), Value::String(url));
    if let Some(sentence) = withheld {
        entry.insert("yanked".to_string(), json!(true));
        entry.insert("yanked_reason".to_string(), json!(sentence));
    }
    Value::Object(entry)
}

/// A project page's entry in the JSON API's words.
fn translate(entry: &mut Map<String, Value>) {
    for (ours, theirs) in RENAMED {
        if let Some(value) = entry.shift_remove(ours) {
            entry.insert(theirs.to_string(), value);
        }
    }
    for key in [
        "core-metadata",
        "dist-info-metadata",
        "data-dist-info-metadata",
        "provenance",
    ] {
        entry.shift_remove(key);
    }
    let wheel = |name: &str| name.to_ascii_lowercase().ends_with(".whl");
    let is_wheel = entry
        .get("filename")
        .and_then(Value::as_str)
        .is_some_and(wheel);
    entry.insert(
        "packagetype".to_string(),
        json!(if is_wheel { "bdist_wheel" } else { "sdist" }),
    );
    let yanked = entry.shift_remove("yanked");
    let reason = yanked.as_ref().and_then(Value::as_str).map(str::to_string);
    let is_yanked = reason.is_some() || yanked == Some(Value::Bool(true));
    entry.insert("yanked".to_string(), json!(is_yanked));
    entry.insert("yanked_reason".to_string(), json!(reason));
}
