//! Reading HTML project pages: PEP 503, with the attributes of PEP 592, 658, 714 and 740.
//!
//! What comes out has the keys of PEP 691, so that nothing after knows which form it was.

use std::borrow::Cow;

use rules::PackageName;
use serde_json::{Map, Value};
use tl::{HTMLTag, Node, Parser};

use super::super::json::{self, Scanner};
use super::super::{Document, Index, Unreadable};
use super::entry::{Entry, HASHES};
use super::page::{Project, Shelf, index};
use super::{address, entity};

/// What a page says beside its links.
#[derive(Default)]
struct Head {
    base: Option<String>,
    api_version: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    titled: bool,
}

/// Reads a page. One without a file of the project is an index only if it says that it is: a login
/// page must not pass for a project without files.
pub fn read(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let text = String::from_utf8_lossy(&document.bytes);
    let dom = tl::parse(&text, tl::ParserOptions::default())
        .map_err(|error| Unreadable(format!("the HTML page can't be read: {error}")))?;
    let head = read_head(package, &dom);
    if let Some(version) = &head.api_version
        && version != "1"
        && !version.starts_with("1.")
    {
        return Err(Unreadable(format!(
            "the page has the unknown version {version:?}"
        )));
    }
    let base = head
        .base
        .as_deref()
        .and_then(|base| address::resolve(&document.url, base));
    let page = base.map_or_else(|| document.url.clone(), |base| base.url);
    // The links as PEP 691 would have them.
    let mut files = vec![b'['];
    for tag in tags(&dom).filter(|tag| is_named(tag, "a")) {
        push_anchor(&mut files, &page, tag);
    }
    files.push(b']');
    let files = String::from_utf8(files).map_err(|error| Unreadable(error.to_string()))?;
    let mut shelf = Shelf::new(package, &page, &files);
    Scanner::new(&files)
        .and_then(|mut scanner| shelf.put_all(&mut scanner))
        .map_err(|error| Unreadable(format!("the HTML page can't be read: {error}")))?;
    if shelf.is_empty() && head.api_version.is_none() && !head.titled {
        return Err(Unreadable(format!(
            "the HTML page is not an index of {package}"
        )));
    }
    let parts = shelf.into_parts();
    let project = Project {
        text: files.into(),
        head: head.into_json(),
        files: Vec::new(),
        versions: None,
    };
    Ok(index(parts, project))
}

impl Head {
    /// The head of a PEP 691 document (and PEP 792's project status).
    fn into_json(self) -> Map<String, Value> {
        let mut head = Map::new();
        let version = self.api_version.unwrap_or_else(|| "1.0".to_string());
        let meta = Map::from_iter([("api-version".to_string(), Value::String(version))]);
        head.insert("meta".to_string(), Value::Object(meta));
        let Some(status) = self.status else {
            return head;
        };
        let mut project_status = Map::new();
        project_status.insert("status".to_string(), Value::String(status));
        if let Some(reason) = self.status_reason {
            project_status.insert("reason".to_string(), Value::String(reason));
        }
        head.insert("project-status".to_string(), Value::Object(project_status));
        head
    }
}

fn tags<'a, 'p>(dom: &'p tl::VDom<'a>) -> impl Iterator<Item = &'p HTMLTag<'a>> {
    dom.nodes().iter().filter_map(Node::as_tag)
}

fn is_named(tag: &HTMLTag<'_>, name: &str) -> bool {
    tag.name().as_bytes().eq_ignore_ascii_case(name.as_bytes())
}

fn read_head(package: &PackageName, dom: &tl::VDom<'_>) -> Head {
    let mut head = Head::default();
    for tag in tags(dom) {
        if is_named(tag, "base") && head.base.is_none() {
            head.base = attribute(tag, "href");
        } else if is_named(tag, "title") {
            head.titled |= is_title(package, &text(tag, dom.parser()));
        } else if is_named(tag, "meta") {
            let content = attribute(tag, "content");
            match attribute(tag, "name").as_deref() {
                Some("pypi:repository-version") => head.api_version = content,
                Some("pypi:project-status") => head.status = content,
                Some("pypi:project-status-reason") => head.status_reason = content,
                _ => {}
            }
        }
    }
    head
}

/// `Links for six`, as every index server writes it.
fn is_title(package: &PackageName, title: &str) -> bool {
    let name = title.trim().strip_prefix("Links for ").map(str::trim);
    name.is_some_and(|name| PackageName::pypi(name).is_ok_and(|name| name == *package))
}

/// The text right below an element; a title holds no other elements.
fn text(tag: &HTMLTag<'_>, parser: &Parser<'_>) -> String {
    let children = tag.children();
    let nodes = children.top().iter().filter_map(|child| child.get(parser));
    let raw: String = nodes
        .filter_map(Node::as_raw)
        .map(|raw| raw.as_utf8_str())
        .collect();
    entity::decode(&raw).into_owned()
}

/// Appends a link as a PEP 691 file entry. The URL ends in the file's name (PEP 503).
fn push_anchor(files: &mut Vec<u8>, page: &str, tag: &HTMLTag<'_>) -> Option<()> {
    let link = address::resolve(page, &attribute(tag, "href")?)?;
    let name = address::last_segment(&link.url)?;
    let mut entry = Entry::default();
    entry.set_text("filename", &name);
    entry.set_text("url", &link.url);
    entry.set(
        "hashes",
        hashes(link.fragment.as_deref().unwrap_or_default()),
    );
    if let Some(python) = attribute(tag, "data-requires-python").filter(|text| !text.is_empty()) {
        entry.set_text("requires-python", &python);
    }
    let metadata = attribute(tag, "data-core-metadata")
        .or_else(|| attribute(tag, "data-dist-info-metadata"))
        .and_then(|text| metadata(&text));
    if let Some(metadata) = metadata {
        entry.set("core-metadata", metadata.clone());
        entry.set("dist-info-metadata", metadata);
    }
    if let Some(signed @ ("true" | "false")) = attribute(tag, "data-gpg-sig").as_deref() {
        entry.set("gpg-sig", signed.to_string());
    }
    match attribute(tag, "data-yanked").as_deref() {
        None => {}
        Some("") => entry.set("yanked", "true"),
        Some(reason) => entry.set_text("yanked", reason),
    }
    if let Some(provenance) = attribute(tag, "data-provenance").filter(|url| !url.is_empty()) {
        entry.set_text("provenance", &provenance);
    }
    json::push_comma(files);
    entry.write(files);
    Some(())
}

/// The value of an attribute with its entities decoded; empty where it has none.
fn attribute(tag: &HTMLTag<'_>, name: &str) -> Option<String> {
    let (_, value) = tag
        .attributes()
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(entity::decode(&value.unwrap_or(Cow::Borrowed(""))).into_owned())
}

/// `true`, or `sha256=…` (PEP 658), in JSON. `None` if there is no metadata file.
fn metadata(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("false") {
        return None;
    }
    let hashes = hashes(text);
    Some(if hashes == "{}" {
        "true".to_string()
    } else {
        hashes
    })
}

/// The hashes of `sha256=…`, and of several joined by `&`, as a JSON object.
fn hashes(text: &str) -> String {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let mut hashes = Entry::default();
    for (name, value) in pairs {
        let hexadecimal = value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if HASHES.contains(&name) && !value.is_empty() && hexadecimal {
            hashes.set_text(name, value);
        }
    }
    let mut written = Vec::new();
    hashes.write(&mut written);
    String::from_utf8(written).unwrap_or_default()
}
