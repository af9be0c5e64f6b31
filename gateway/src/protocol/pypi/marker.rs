//! Pages that no upstream had a part in: the marker of a name that is not looked up, and the list
//! of projects.
//!
//! An installer shows nothing of a refused index page. So a name that is refused without asking
//! anybody gets a page with one file of an impossibly new version: the installer picks it, and the
//! refusal of that file carries the sentence.

use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::{Rendered, SimpleForm};
use super::accept::content_type;
use super::entry::Entry;
use super::render::simple_page;
use super::{address, entity};

/// Newer than any version; the local part is what an installer prints.
pub const MARKER_VERSION: &str = "99999+blocked.by.policy";

/// The page of a name that is not looked up. `sentence` says why.
pub fn marker(package: &PackageName, sentence: &str, form: SimpleForm) -> Rendered {
    let name = package.name();
    let file = format!(
        "{}-{MARKER_VERSION}-py3-none-any.whl",
        name.replace('-', "_")
    );
    let version = address::encode(MARKER_VERSION);
    let entry = json!({
        "filename": file,
        "url": format!("../../files/{name}/{version}/{}", address::encode(&file)),
        "hashes": {},
        "core-metadata": true,
        "dist-info-metadata": true,
        // Old enough for any age gate of a client: hidden, it could not say anything.
        "upload-time": "1970-01-01T00:00:00Z",
    });
    let mut head = Map::new();
    // PEP 700 wants a size from 1.1 on, and this file has none.
    head.insert("meta".to_string(), json!({ "api-version": "1.0" }));
    head.insert("name".to_string(), json!(name));
    head.insert(
        "project-status".to_string(),
        json!({ "status": "quarantined", "reason": sentence }),
    );
    let entry = entry.to_string();
    simple_page(&head, Entry::read(&entry).into_iter(), form, entry.len())
}

/// The list of projects (PEP 503, PEP 691), in normal spelling.
pub fn projects(names: &[String], form: SimpleForm) -> Rendered {
    let bytes = match form {
        SimpleForm::Json => {
            let projects: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "meta": { "api-version": "1.0" }, "projects": projects }).to_string()
        }
        SimpleForm::Html | SimpleForm::LegacyHtml => {
            let mut page = String::from(
                "<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    \
                 <meta name=\"pypi:repository-version\" content=\"1.0\">\n    \
                 <title>Simple index</title>\n  </head>\n  <body>\n",
            );
            for name in names {
                let (link, text) = (address::encode(name), entity::escape(name));
                page.push_str(&format!("    <a href=\"{link}/\">{text}</a><br>\n"));
            }
            page + "  </body>\n</html>\n"
        }
    };
    Rendered {
        bytes: bytes.into_bytes(),
        content_type: content_type(form),
    }
}
