//! The old audit calls, which carry a whole dependency tree.
//!
//! Passed on is only what an advisory can be found by: names, versions and how they depend. The
//! project's own name, addresses and paths stay here.

use rules::PackageName;
use serde_json::{Map, Value};

use super::{path, service};

/// Trees are not followed deeper. serde_json's own bound, two levels each, lies near it.
const DEPTH_MAX: usize = 64;

/// Fields of a package in the tree that say nothing of where it came from.
const FLAGS: [&str; 4] = ["dev", "optional", "peer", "bundled"];

/// What of an audit call (`audits` and `audits/quick`) may be asked upstream.
///
/// Packages that may not be asked for go with what stands below them; `None` if nothing remains.
pub fn audit_request(
    body: &[u8],
    may_ask: &dyn Fn(&PackageName) -> bool,
) -> Result<Option<Vec<u8>>, String> {
    let asked = service::object(body, "audit request")?;
    let mut passed = Map::new();
    let dependencies = tree(asked.get("dependencies"), may_ask, 0)?;
    if dependencies.is_empty() {
        return Ok(None);
    }
    // Paths into the project; the call wants the fields to be there.
    passed.insert("install".to_owned(), Value::Array(Vec::new()));
    passed.insert("remove".to_owned(), Value::Array(Vec::new()));
    passed.insert("metadata".to_owned(), Value::Object(Map::new()));
    passed.insert(
        "requires".to_owned(),
        requires(asked.get("requires"), may_ask),
    );
    passed.insert("dependencies".to_owned(), Value::Object(dependencies));
    Ok(Some(service::written(passed)))
}

fn tree(
    dependencies: Option<&Value>,
    may_ask: &dyn Fn(&PackageName) -> bool,
    depth: usize,
) -> Result<Map<String, Value>, String> {
    if depth > DEPTH_MAX {
        return Err("the audit request nests too deeply".to_owned());
    }
    let mut passed = Map::new();
    for (name, node) in dependencies
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        // pnpm puts the root of a workspace into the tree under this name.
        let root = depth == 0 && name == ".";
        let Some(node) = node.as_object() else {
            continue;
        };
        let version = node.get("version").and_then(Value::as_str);
        let Some(version) = version.filter(|version| path::is_version(version)) else {
            continue;
        };
        if !root && !service::allowed(name, may_ask) {
            continue;
        }
        let mut kept = Map::new();
        kept.insert("version".to_owned(), version.into());
        for flag in FLAGS {
            if let Some(Value::Bool(set)) = node.get(flag) {
                kept.insert(flag.to_owned(), (*set).into());
            }
        }
        if let Some(integrity) = node.get("integrity").and_then(Value::as_str) {
            kept.insert("integrity".to_owned(), integrity.into());
        }
        kept.insert(
            "requires".to_owned(),
            requires(node.get("requires"), may_ask),
        );
        let below = tree(node.get("dependencies"), may_ask, depth + 1)?;
        if !below.is_empty() {
            kept.insert("dependencies".to_owned(), Value::Object(below));
        }
        passed.insert(name.clone(), Value::Object(kept));
    }
    Ok(passed)
}

/// Names and ranges. A range with an address in it becomes any version.
fn requires(ranges: Option<&Value>, may_ask: &dyn Fn(&PackageName) -> bool) -> Value {
    let mut passed = Map::new();
    for (name, range) in ranges.and_then(Value::as_object).into_iter().flatten() {
        if service::allowed(name, may_ask) {
            let range = range
                .as_str()
                .filter(|range| is_range(range))
                .unwrap_or("*");
            passed.insert(name.clone(), range.into());
        }
    }
    Value::Object(passed)
}

fn is_range(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || b" .-+*^~<>=|".contains(&byte);
    !text.is_empty() && text.bytes().all(character)
}
