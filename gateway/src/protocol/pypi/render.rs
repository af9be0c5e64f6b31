//! Rendering project pages (PEP 691 and 503), with every address below this gateway.

use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::{Part, Rendered, SimpleForm, Unrenderable};
use super::accept::content_type;
use super::merge::{Merged, Shelved};
use super::page::core_metadata;
use super::{address, entity};

/// Renders the page of a project. Withheld versions stay, yanked with the sentence (PEP 592),
/// unless nothing else is there.
pub fn simple(
    package: &PackageName,
    form: SimpleForm,
    parts: &[Part<'_>],
    base: &str,
) -> Result<Rendered, Unrenderable> {
    let mut merged = Merged::new(parts);
    if merged.projects.is_empty() {
        return Err(Unrenderable::Absent);
    }
    merged.unmark_if_all_withheld();
    let files: Vec<_> = merged
        .files
        .iter()
        .map(|shelved| simple_entry(package, shelved, base))
        .collect();
    let sized = files
        .iter()
        .all(|file| file.get("size").is_some_and(Value::is_u64));
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
    Ok(simple_page(head, files, form))
}

/// Writes a page from the head of a PEP 691 document and its files.
pub(super) fn simple_page(
    mut head: Map<String, Value>,
    files: Vec<Map<String, Value>>,
    form: SimpleForm,
) -> Rendered {
    let bytes = match form {
        SimpleForm::Json => {
            let files = files.into_iter().map(Value::Object).collect();
            head.insert("files".to_string(), Value::Array(files));
            Value::Object(head).to_string().into_bytes()
        }
        SimpleForm::Html | SimpleForm::LegacyHtml => html_page(&head, &files).into_bytes(),
    };
    Rendered {
        bytes,
        content_type: content_type(form),
    }
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

fn simple_entry(package: &PackageName, shelved: &Shelved<'_>, base: &str) -> Map<String, Value> {
    let Shelved {
        file,
        version,
        withheld,
    } = shelved;
    let mut entry = file.entry.clone();
    let path = file_path(package, version, &file.name);
    entry.insert("url".to_string(), Value::String(format!("../../{path}")));
    // PEP 691: the key must be there, if only empty.
    entry
        .entry("hashes")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = core_metadata(&entry).cloned() {
        entry.shift_remove("data-dist-info-metadata");
        entry.insert("core-metadata".to_string(), metadata.clone());
        entry.insert("dist-info-metadata".to_string(), metadata);
    }
    if entry.get("provenance").is_some_and(Value::is_string) {
        let below = path.strip_prefix("files/").unwrap_or(&path);
        let url = format!("{base}/integrity/{below}/provenance");
        entry.insert("provenance".to_string(), Value::String(url));
    }
    if let Some(sentence) = withheld {
        entry.insert("yanked".to_string(), json!(sentence));
    }
    entry
}

fn html_page(head: &Map<String, Value>, files: &[Map<String, Value>]) -> String {
    let name = head.get("name").and_then(Value::as_str).unwrap_or_default();
    let title = entity::escape(&format!("Links for {name}"));
    let mut page =
        String::from("<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n");
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
        page.push_str(&anchor(file));
    }
    page + "  </body>\n</html>\n"
}

/// PEP 503's link, with the attributes of PEP 592, 658, 714 and 740.
fn anchor(file: &Map<String, Value>) -> String {
    let text = |key: &str| file.get(key).and_then(Value::as_str);
    let mut link = text("url").unwrap_or_default().to_string();
    if let Some(hash) = file.get("hashes").and_then(strongest) {
        link = format!("{link}#{hash}");
    }
    let mut anchor = format!("    <a href=\"{}\"", entity::escape(&link));
    let mut attribute = |name: &str, value: &str| {
        anchor.push_str(&format!(" {name}=\"{}\"", entity::escape(value)));
    };
    if let Some(python) = text("requires-python") {
        attribute("data-requires-python", python);
    }
    if let Some(metadata) = core_metadata(file) {
        let value = strongest(metadata).unwrap_or_else(|| "true".to_string());
        attribute("data-core-metadata", &value);
        attribute("data-dist-info-metadata", &value);
    }
    if let Some(signed) = file.get("gpg-sig").and_then(Value::as_bool) {
        attribute("data-gpg-sig", if signed { "true" } else { "false" });
    }
    match file.get("yanked") {
        Some(Value::Bool(true)) => attribute("data-yanked", ""),
        Some(Value::String(reason)) => attribute("data-yanked", reason),
        _ => {}
    }
    if let Some(provenance) = text("provenance") {
        attribute("data-provenance", provenance);
    }
    anchor
        + &format!(
            ">{}</a><br>\n",
            entity::escape(text("filename").unwrap_or_default())
        )
}

/// The one hash that a fragment or an attribute has room for, as `sha256=…`.
fn strongest(hashes: &Value) -> Option<String> {
    ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"]
        .into_iter()
        .find_map(|algorithm| {
            let value = hashes.get(algorithm)?.as_str()?;
            Some(format!("{algorithm}={value}"))
        })
}
