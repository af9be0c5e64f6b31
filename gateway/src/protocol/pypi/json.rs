//! Reading the JSON documents: the project page of PEP 691, and the JSON API's `/pypi/{name}/json`.

use rules::PackageName;
use serde_json::{Map, Value};

use super::super::{Document, Index, Unreadable};
use super::page::Shelf;

/// Reads a project page (PEP 691; PEP 700's `versions`, `size` and `upload-time` where given).
pub fn read_simple(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let mut head = object(document)?;
    check_api_version(&head)?;
    check_name(package, head.get("name"))?;
    let Some(Value::Array(files)) = head.shift_remove("files") else {
        return Err(Unreadable(
            "the project page has no list of files".to_string(),
        ));
    };
    let versions = match head.shift_remove("versions") {
        Some(Value::Array(versions)) => Some(texts(versions)),
        _ => None,
    };
    let mut shelf = Shelf::new(package, &document.url);
    put_all(&mut shelf, files);
    Ok(shelf.into_index(head, versions))
}

/// Reads a document of the JSON API, of a project or of one version of it. A project page in its
/// place is read as well: hosted packages are kept as one.
pub fn read_project(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let mut head = object(document)?;
    if head.contains_key("files") && !head.contains_key("info") {
        return read_simple(package, document);
    }
    let Some(Value::Object(info)) = head.get("info") else {
        return Err(Unreadable("the JSON document has no info".to_string()));
    };
    check_name(package, info.get("name"))?;
    let mut shelf = Shelf::new(package, &document.url);
    let mut versions = None;
    if let Some(Value::Object(releases)) = head.shift_remove("releases") {
        versions = Some(releases.keys().cloned().collect());
        for (_, files) in releases {
            put_all(&mut shelf, array(files));
        }
    }
    if let Some(files) = head.shift_remove("urls") {
        put_all(&mut shelf, array(files));
    }
    Ok(shelf.into_index(head, versions))
}

fn put_all(shelf: &mut Shelf<'_>, files: Vec<Value>) {
    for file in files {
        let Value::Object(entry) = file else {
            continue;
        };
        if let Some(name) = entry
            .get("filename")
            .and_then(Value::as_str)
            .map(str::to_string)
        {
            shelf.put(&name, entry);
        }
    }
}

fn object(document: &Document) -> Result<Map<String, Value>, Unreadable> {
    match serde_json::from_slice(&document.bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Unreadable("the JSON document is not an object".to_string())),
        Err(error) => Err(Unreadable(format!(
            "the JSON document can't be read: {error}"
        ))),
    }
}

/// PEP 629: a reader must not go on with a major version that it does not know.
fn check_api_version(head: &Map<String, Value>) -> Result<(), Unreadable> {
    let version = head.get("meta").and_then(|meta| meta.get("api-version"));
    match version.and_then(Value::as_str) {
        Some(version) if version != "1" && !version.starts_with("1.") => Err(Unreadable(format!(
            "the project page has the unknown api-version {version:?}"
        ))),
        _ => Ok(()),
    }
}

fn check_name(package: &PackageName, name: Option<&Value>) -> Result<(), Unreadable> {
    let Some(name) = name.filter(|name| !name.is_null()) else {
        return Ok(());
    };
    let parsed = name.as_str().and_then(|name| PackageName::pypi(name).ok());
    if parsed.as_ref() == Some(package) {
        return Ok(());
    }
    Err(Unreadable(format!(
        "the document is of {name}, and {package} was asked for"
    )))
}

fn texts(values: Vec<Value>) -> Vec<String> {
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    values.into_iter().filter_map(text).collect()
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}
