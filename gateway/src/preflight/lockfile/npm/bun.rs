//! `bun.lock`: JSON with trailing commas and comments, one array for each package.
//!
//! An array begins with `name@reference`. For a registry follow its address (empty for the usual
//! one), the facts and the integrity; the name in the first element is the real one of an alias.

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use rules::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::address::{kind_of_spec, split_spec};
use super::package_lock;
use crate::preflight::lockfile::draft::{Draft, Entry};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Source, SourceKind};

const SHAPE_REMEDY: &str = "run bun install to write the file anew";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    lockfile_version: u64,
    #[serde(default)]
    packages: Pairs<Vec<Value>>,
}

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Document =
        parse_to_serde_value(text, &dialect()).map_err(|error| error.to_string())?;
    if document.lockfile_version > 1 {
        return Err(format!(
            "lockfileVersion {} is unknown: 0 and 1 are read",
            document.lockfile_version
        ));
    }
    for (path, fields) in &document.packages.0 {
        let place = draft.place(path, &format!("{}: [", Value::from(path.as_str())));
        let spec = fields.first().and_then(Value::as_str).and_then(split_spec);
        let Some((name, reference)) = spec else {
            draft.problem(place, None, "it is not [\"name@version\", …]", SHAPE_REMEDY);
            continue;
        };
        let source = source(fields, reference);
        let entry = Entry {
            name,
            version: match &source {
                Source::Other(kind) if *kind != SourceKind::Bundled => "",
                _ => reference,
            },
            integrity: integrity(fields),
            source,
            dev: None,
            place,
        };
        package_lock::add(entry, draft);
    }
    Ok(())
}

fn source(fields: &[Value], reference: &str) -> Source {
    if let Some(kind) = kind_of_spec(reference) {
        return Source::Other(kind);
    }
    if reference.starts_with("root:") {
        return Source::Other(SourceKind::Workspace);
    }
    let bundled = |field: &Value| field.get("bundled").and_then(Value::as_bool) == Some(true);
    if fields.iter().any(bundled) {
        return Source::Other(SourceKind::Bundled);
    }
    let address = fields.get(1).and_then(Value::as_str);
    let address = address.filter(|address| !address.is_empty());
    Source::Registry(address.map(str::to_owned))
}

fn integrity(fields: &[Value]) -> Vec<Digest> {
    let last = fields.get(1..).and_then(<[Value]>::last);
    last.and_then(Value::as_str)
        .map(Digest::from_sri)
        .unwrap_or_default()
}

/// What Bun's own reader takes beyond JSON: comments and trailing commas. Nesting is bounded.
const fn dialect() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}
