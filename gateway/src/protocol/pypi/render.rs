//! Rendering project pages (PEP 691 and 503), with every address below this gateway.

use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::json;
use super::super::{Links, Location, Part, Rendered, SimpleForm, Unrenderable};
use super::accept::content_type;
use super::entry::{Entry, strongest};
use super::merge::{Merged, Shelved};
use super::{address, entity};

/// Renders the page of a project. Withheld versions stay, yanked with the sentence (PEP 592),
/// unless nothing else is there.
pub fn simple(
    package: &PackageName,
    form: SimpleForm,
    parts: &[Part<'_>],
    links: Links<'_>,
) -> Result<Rendered, Unrenderable> {
    let mut merged = Merged::new(parts);
    if merged.projects.is_empty() {
        return Err(Unrenderable::Absent);
    }
    merged.unmark_if_all_withheld();
    let sized = merged
        .files
        .iter()
        .all(|shelved| shelved.file.size.is_some());
    let mut head = merged.head();
    let meta = meta(head.get("meta"), &merged, sized);
    head.insert("meta".to_string(), Value::Object(meta));
    head.insert("name".to_string(), json!(package.name()));
    // PEP 708 speaks of repositories by address; what it says of the upstream's is not true of
    // ours.
    head.shift_remove("alternate-locations");
    if sized
        || merged
            .projects
            .iter()
            .any(|project| project.versions.is_some())
    {
        head.insert("versions".to_string(), json!(merged.versions));
    }
    let entries = merged
        .files
        .iter()
        .map(|shelved| simple_entry(package, shelved, links));
    let room = merged.room(links.base);
    Ok(simple_page(&head, entries, form, room))
}

/// Writes a page from the head of a PEP 691 document and its files; `room` is about what they take.
pub(super) fn simple_page<'a>(
    head: &Map<String, Value>,
    files: impl Iterator<Item = Entry<'a>>,
    form: SimpleForm,
    room: usize,
) -> Rendered {
    let bytes = match form {
        SimpleForm::Json => {
            let mut out = open_object(head, room);
            json::push_key(&mut out, "files");
            push_entries(&mut out, files);
            out.push(b'}');
            out
        }
        SimpleForm::Html | SimpleForm::LegacyHtml => html_page(head, files, room).into_bytes(),
    };
    Rendered {
        bytes,
        content_type: content_type(form),
    }
}

/// An object's text that lacks its end, with room for what will be added.
pub(super) fn open_object(head: &Map<String, Value>, room: usize) -> Vec<u8> {
    let head = json!(head).to_string();
    let mut out = Vec::with_capacity(head.len() + room);
    out.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
    out
}

/// Appends an array.
pub(super) fn push_entries<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = Entry<'a>>) {
    out.push(b'[');
    for entry in entries {
        json::push_comma(out);
        entry.write(out);
    }
    out.push(b']');
}

/// The address of a file, below the repository's base.
pub(super) fn file_path(package: &PackageName, version: &str, file: &str) -> String {
    let (version, file) = (address::encode(version), address::encode(file));
    format!("files/{}/{version}/{file}", package.name())
}

/// PEP 700 makes `size` mandatory from version 1.1 on, and a size is never invented: a page with a
/// file of unknown size is one of version 1.0.
fn meta(nearest: Option<&Value>, merged: &Merged<'_>, sized: bool) -> Map<String, Value> {
    let mut meta = nearest
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    meta.shift_remove("tracks");
    if merged.projects.len() > 1 {
        // A serial counts the changes of one repository.
        meta.shift_remove("_last-serial");
    }
    let minor = merged.projects.iter().filter_map(|project| {
        let version = project.head.get("meta")?.get("api-version")?.as_str()?;
        version.strip_prefix("1.")?.parse::<u32>().ok()
    });
    let minor = if sized {
        minor.max().unwrap_or(1).max(1)
    } else {
        0
    };
    meta.insert(
        "api-version".to_string(),
        Value::String(format!("1.{minor}")),
    );
    meta
}

fn simple_entry<'a>(package: &PackageName, shelved: &Shelved<'a>, links: Links<'_>) -> Entry<'a> {
    let mut entry = Entry::read(shelved.entry).unwrap_or_default();
    let path = file_path(package, shelved.version, &shelved.file.name);
    match own_address(shelved, links) {
        Some(url) => entry.set_text("url", url),
        None => entry.set_text("url", &format!("../../{path}")),
    }
    // PEP 691: the key must be there, if only empty.
    if entry.value("hashes").is_none() {
        entry.set("hashes", "{}");
    }
    if !shelved.has_metadata {
        for key in [
            "core-metadata",
            "dist-info-metadata",
            "data-dist-info-metadata",
        ] {
            entry.remove(key);
        }
    }
    if let Some(metadata) = entry.core_metadata() {
        entry.remove("data-dist-info-metadata");
        entry.set("core-metadata", metadata.clone());
        entry.set("dist-info-metadata", metadata);
    }
    if entry.text("provenance").is_some() && !links.kept {
        let below = path.strip_prefix("files/").unwrap_or(&path);
        let base = links.base;
        let url = format!("{base}/integrity/{below}/provenance");
        entry.set_text("provenance", &url);
    }
    if let Some(sentence) = shelved.withheld {
        entry.set_text("yanked", sentence);
    }
    entry
}

/// The address that the registry gives a file, where that is to stay.
pub(super) fn own_address<'a>(shelved: &Shelved<'a>, links: Links<'_>) -> Option<&'a str> {
    match &shelved.file.location {
        Location::Url(url) if links.kept => Some(url),
        _ => None,
    }
}

fn html_page<'a>(
    head: &Map<String, Value>,
    files: impl Iterator<Item = Entry<'a>>,
    room: usize,
) -> String {
    let name = head.get("name").and_then(Value::as_str).unwrap_or_default();
    let title = entity::escape(&format!("Links for {name}"));
    let mut page = String::with_capacity(room);
    page.push_str("<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n");
    let mut meta = |name: &str, content: Option<&Value>| {
        if let Some(content) = content.and_then(Value::as_str) {
            let content = entity::escape(content);
            page.push_str(&format!(
                "    <meta name=\"pypi:{name}\" content=\"{content}\">\n"
            ));
        }
    };
    let status = head.get("project-status");
    meta(
        "repository-version",
        head.get("meta").and_then(|meta| meta.get("api-version")),
    );
    meta(
        "project-status",
        status.and_then(|status| status.get("status")),
    );
    meta(
        "project-status-reason",
        status.and_then(|status| status.get("reason")),
    );
    page.push_str(&format!(
        "    <title>{title}</title>\n  </head>\n  <body>\n"
    ));
    page.push_str(&format!("    <h1>{title}</h1>\n"));
    for file in files {
        push_anchor(&mut page, &file);
    }
    page + "  </body>\n</html>\n"
}

/// PEP 503's link, with the attributes of PEP 592, 658, 714 and 740.
fn push_anchor(page: &mut String, file: &Entry<'_>) {
    page.push_str("    <a href=\"");
    page.push_str(&entity::escape(&file.text("url").unwrap_or_default()));
    if let Some(hash) = file.value("hashes").and_then(strongest) {
        page.push('#');
        page.push_str(&entity::escape(&hash));
    }
    page.push('"');
    let mut attribute = |name: &str, value: &str| {
        for text in [" ", name, "=\"", &entity::escape(value), "\""] {
            page.push_str(text);
        }
    };
    if let Some(python) = file.text("requires-python") {
        attribute("data-requires-python", &python);
    }
    if let Some(metadata) = file.core_metadata() {
        let value = strongest(&metadata).unwrap_or_else(|| "true".to_string());
        attribute("data-core-metadata", &value);
        attribute("data-dist-info-metadata", &value);
    }
    if let Some(signed @ ("true" | "false")) = file.value("gpg-sig") {
        attribute("data-gpg-sig", signed);
    }
    match file.text("yanked") {
        Some(reason) => attribute("data-yanked", &reason),
        None if file.value("yanked") == Some("true") => attribute("data-yanked", ""),
        None => {}
    }
    if let Some(provenance) = file.text("provenance") {
        attribute("data-provenance", &provenance);
    }
    let name = file.text("filename").unwrap_or_default();
    for text in [">", &entity::escape(&name), "</a><br>\n"] {
        page.push_str(text);
    }
}
