//! npm as a whole: tables of paths, and documents read and rendered.

mod paths;
mod rendering;
mod services;

use bytes::Bytes;
use rules::PackageName;
use serde_json::Value;

use super::*;
use crate::protocol::{DocumentKind, Shown};

const BASE: &str = "http://gw/npm/public";

fn target(package: &str, document: DocumentKind) -> IndexTarget {
    IndexTarget {
        package: PackageName::npm(package).unwrap(),
        document,
    }
}

fn read(package: &str, text: &str) -> Result<Index, Unreadable> {
    let document = Document {
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        content_type: "application/json".to_owned(),
        url: format!("http://upstream.test:4873/{package}"),
    };
    Npm.read(
        &target(package, DocumentKind::Packument { full: true }),
        document,
    )
}

/// Withholds the versions named, with the sentence `no <version>`.
fn withhold(index: &Index, versions: &[&str]) -> Vec<Shown> {
    let shown = |version: &str| match versions.contains(&version) {
        true => Shown::Withhold(format!("no {version}")),
        false => Shown::Keep,
    };
    index
        .versions
        .iter()
        .map(|listed| shown(&listed.version))
        .collect()
}

fn render(
    package: &str,
    document: DocumentKind,
    parts: &[(&Index, &[&str])],
) -> Result<Value, Unrenderable> {
    let shown: Vec<_> = parts
        .iter()
        .map(|(index, held)| withhold(index, held))
        .collect();
    let parts: Vec<_> = parts
        .iter()
        .zip(&shown)
        .map(|((index, _), shown)| Part { index, shown })
        .collect();
    let rendered = Npm.render(&target(package, document), &parts, BASE.into())?;
    Ok(serde_json::from_slice(&rendered.bytes).unwrap())
}
