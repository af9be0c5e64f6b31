//! Rendering the JSON API's documents, `/pypi/{name}/json` and `/pypi/{name}/{version}/json`.
//!
//! They are a second door to the same files, so their links and yanks get the same treatment. They
//! have no PEP of their own; the fields are those of the registry's documentation.

use std::collections::BTreeMap;

use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::json;
use super::super::{Links, Part, Rendered, Unrenderable};
use super::entry::Entry;
use super::filename::same_version;
use super::merge::{Merged, Shelved};
use super::page::{Project, version_key};
use super::render::{file_path, open_object, own_address, push_entries};

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
    links: Links<'_>,
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
    let info = info(package, &merged, &subject, withheld, links);
    head.insert("info".to_string(), Value::Object(info));
    for key in ["files", "meta", "name", "alternate-locations"] {
        head.shift_remove(key);
    }
    if merged.projects.len() > 1 {
        head.shift_remove("last_serial");
    }
    let mut out = open_object(&head, 2 * merged.room(links.base));
    if version.is_none() {
        json::push_key(&mut out, "releases");
        push_releases(&mut out, package, &merged, links);
    }
    json::push_key(&mut out, "urls");
    let urls = merged
        .files
        .iter()
        .filter(|shelved| same_version(shelved.version, &subject));
    push_entries(&mut out, urls.map(|shelved| entry(package, shelved, links)));
    out.push(b'}');
    Ok(Rendered {
        bytes: out,
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
    links: Links<'_>,
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
    let page = format!("{}/simple/{}/", links.base, package.name());
    for key in ["package_url", "project_url", "release_url"] {
        if !links.kept && info.contains_key(key) {
            info.insert(key.to_string(), json!(page));
        }
    }
    if let Some(sentence) = withheld {
        info.insert("yanked".to_string(), json!(true));
        info.insert("yanked_reason".to_string(), json!(sentence));
    }
    info
}

fn push_releases(out: &mut Vec<u8>, package: &PackageName, merged: &Merged<'_>, links: Links<'_>) {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&Shelved<'_>>)> = Vec::new();
    for version in &merged.versions {
        places.insert(version_key(version), groups.len());
        groups.push((version, Vec::new()));
    }
    for shelved in &merged.files {
        if let Some(place) = places.get(&version_key(shelved.version)) {
            groups[*place].1.push(shelved);
        }
    }
    out.push(b'{');
    for (name, files) in groups {
        json::push_key(out, name);
        let entries = files
            .into_iter()
            .map(|shelved| entry(package, shelved, links));
        push_entries(out, entries);
    }
    out.push(b'}');
}

fn entry<'a>(package: &PackageName, shelved: &Shelved<'a>, links: Links<'_>) -> Entry<'a> {
    let mut entry = Entry::read(shelved.entry).unwrap_or_default();
    if entry.value("hashes").is_some() {
        translate(&mut entry);
    }
    match own_address(shelved, links) {
        Some(url) => entry.set_text("url", url),
        None => {
            let path = file_path(package, shelved.version, &shelved.file.name);
            entry.set_text("url", &format!("{}/{path}", links.base));
        }
    }
    if let Some(sentence) = shelved.withheld {
        entry.set("yanked", "true");
        entry.set_text("yanked_reason", sentence);
    }
    entry
}

/// A project page's entry in the JSON API's words.
fn translate(entry: &mut Entry<'_>) {
    for (ours, theirs) in RENAMED {
        if let Some(value) = entry.remove(ours) {
            entry.set(theirs, value);
        }
    }
    for key in [
        "core-metadata",
        "dist-info-metadata",
        "data-dist-info-metadata",
        "provenance",
    ] {
        entry.remove(key);
    }
    let wheel = |name: &str| name.to_ascii_lowercase().ends_with(".whl");
    let is_wheel = entry.text("filename").is_some_and(|name| wheel(&name));
    entry.set_text(
        "packagetype",
        if is_wheel { "bdist_wheel" } else { "sdist" },
    );
    let reason = entry.text("yanked");
    let is_yanked = reason.is_some() || entry.value("yanked") == Some("true");
    entry.remove("yanked");
    entry.set("yanked", if is_yanked { "true" } else { "false" });
    match reason {
        Some(reason) => entry.set_text("yanked_reason", &reason),
        None => entry.set("yanked_reason", "null"),
    }
}
