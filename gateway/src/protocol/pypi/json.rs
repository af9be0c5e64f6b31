//! Reading the JSON documents: the project page of PEP 691, and the JSON API's `/pypi/{name}/json`.

use std::borrow::Cow;

use rules::PackageName;
use serde_json::{Map, Value};

use super::super::json::{Malformed, Scanner};
use super::super::{Document, Index, Unreadable};
use super::page::{Project, Shelf, index};

/// Reads a project page (PEP 691; PEP 700's `versions`, `size` and `upload-time` where given).
pub fn read_simple(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let text = text(document)?;
    let mut shelf = None;
    let mut versions = None;
    let head = outline(text, |key, scanner| match key {
        "files" => {
            let mut files = Shelf::new(package, &document.url, text);
            shelf = files.put_all(scanner)?.then_some(files);
            Ok(true)
        }
        "versions" => {
            let value = scanner.skip()?.of(text);
            versions = serde_json::from_str(value).ok().map(texts);
            Ok(true)
        }
        _ => Ok(false),
    })?;
    check_api_version(&head)?;
    check_name(package, head.get("name"))?;
    let Some(shelf) = shelf else {
        return Err(Unreadable(
            "the project page has no list of files".to_string(),
        ));
    };
    let project = project(document, head, versions);
    Ok(index(shelf.into_parts(), project))
}

/// Reads a document of the JSON API, of a project or of one version of it. A project page in its
/// place is read as well: hosted packages are kept as one.
pub fn read_project(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let text = text(document)?;
    let (mut releases, mut urls) = (None, None);
    let mut has_files = false;
    let head = outline(text, |key, scanner| {
        match key {
            "releases" => releases = Some(scanner.skip()?),
            "urls" => urls = Some(scanner.skip()?),
            "files" => {
                has_files = true;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if has_files && !head.contains_key("info") {
        return read_simple(package, document);
    }
    let Some(Value::Object(info)) = head.get("info") else {
        return Err(Unreadable("the JSON document has no info".to_string()));
    };
    check_name(package, info.get("name"))?;
    let mut shelf = Shelf::new(package, &document.url, text);
    let mut versions = None;
    // `releases` goes first, wherever it stands.
    if let Some(releases) = releases {
        let mut scanner = Scanner::at(text, releases);
        versions = put_releases(&mut shelf, &mut scanner).map_err(malformed)?;
    }
    if let Some(urls) = urls {
        shelf
            .put_all(&mut Scanner::at(text, urls))
            .map_err(malformed)?;
    }
    let project = project(document, head, versions);
    Ok(index(shelf.into_parts(), project))
}

/// Takes the files of all versions, and gives back the versions; `None` if there is no such object.
fn put_releases<'a>(
    shelf: &mut Shelf<'a>,
    scanner: &mut Scanner<'a>,
) -> Result<Option<Vec<String>>, Malformed> {
    if !scanner.enters_object()? {
        return scanner.skip().map(|_| None);
    }
    let mut versions = Vec::new();
    while let Some(key) = scanner.next_key()? {
        versions.push(key.text.into_owned());
        shelf.put_all(scanner)?;
    }
    Ok(Some(versions))
}

fn project(
    document: &Document,
    head: Map<String, Value>,
    versions: Option<Vec<String>>,
) -> Project {
    Project {
        text: document.bytes.clone(),
        head,
        files: Vec::new(),
        versions,
    }
}

fn text(document: &Document) -> Result<&str, Unreadable> {
    std::str::from_utf8(&document.bytes)
        .map_err(|_| Unreadable("the JSON document is not UTF-8 text".to_string()))
}

/// The fields of the document but those that `takes` takes, which steps over their values then.
fn outline<'a>(
    text: &'a str,
    mut takes: impl FnMut(&str, &mut Scanner<'a>) -> Result<bool, Malformed>,
) -> Result<Map<String, Value>, Unreadable> {
    let mut head = Map::new();
    let mut scanner = Scanner::new(text).map_err(malformed)?;
    if !scanner.enters_object().map_err(malformed)? {
        return Err(Unreadable("the JSON document is not an object".to_string()));
    }
    while let Some(key) = scanner.next_key().map_err(malformed)? {
        if takes(&key.text, &mut scanner).map_err(malformed)? {
            continue;
        }
        let value = scanner.skip().map_err(malformed)?.of(text);
        let value = serde_json::from_str(value).map_err(malformed)?;
        head.insert(Cow::into_owned(key.text), value);
    }
    scanner.finish().map_err(malformed)?;
    Ok(head)
}

fn malformed(error: impl std::fmt::Display) -> Unreadable {
    Unreadable(format!("the JSON document can't be read: {error}"))
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
