//! The fields of a version that the abbreviated packument has.

use super::json::{self, Span};

/// As in the registry's own abbreviated documents, plus `libc`.
const FIELDS: [&str; 21] = [
    "name",
    "version",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "acceptDependencies",
    "bin",
    "directories",
    "dist",
    "engines",
    "os",
    "cpu",
    "libc",
    "deprecated",
    "funding",
    "hasInstallScript",
    "_hasShrinkwrap",
];

/// The scripts that run on install.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// What the abbreviated form shows of a version's object.
pub(super) struct Trimmed {
    /// Key, and the place of the value in the object.
    pub fields: Vec<(&'static str, Span)>,
    /// The object does not say so, but has scripts for it.
    pub adds_install_script: bool,
}

/// Picks the fields of an object that was read before; the last of equal keys wins.
pub(super) fn trim(object: &str) -> Trimmed {
    let mut fields: Vec<(&'static str, Span)> = Vec::new();
    let mut scripted = false;
    // The object was walked when the document was read.
    let _ = json::entries(object, |key, value| {
        if key == "scripts" {
            scripted = has_install_script(value);
        }
        if let Some(field) = FIELDS.iter().find(|field| **field == key) {
            fields.retain(|(known, _)| known != field);
            fields.push((field, Span::of(object, value)));
        }
    });
    let said = fields.iter().any(|(field, _)| *field == "hasInstallScript");
    Trimmed {
        fields,
        adds_install_script: scripted && !said,
    }
}

fn has_install_script(scripts: &str) -> bool {
    let mut found = false;
    let _ = json::entries(scripts, |key, value| {
        let runs = json::string(value).is_some_and(|script| !script.is_empty());
        found |= runs && INSTALL_SCRIPTS.contains(&&*key);
    });
    found
}
