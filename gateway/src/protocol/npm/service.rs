//! The registry's services: what may be passed on of a request, and what may be shown of an answer.
//!
//! Names stand in the bodies of these calls, so each has a reader of its own that takes out what
//! may not leave the house or may not be shown. Which names those are, the caller says. Bodies come
//! here without content coding: npm sends them gzipped, and the caller unpacks them, with a limit.

use rules::PackageName;
use serde_json::{Map, Value};

use super::path;
use crate::protocol::{Service, Unreadable};

/// The longest text that is searched for.
pub(super) const SEARCH_TEXT_BYTES_MAX: usize = 1024;

/// Below an upstream's base address: path and query, percent-encoded, without a leading slash.
///
/// `None` for what is answered here and nowhere else.
pub fn locate_service(service: &Service) -> Option<String> {
    match service {
        Service::Search { text, size, from } => {
            let text = path::encode(text);
            Some(format!("-/v1/search?text={text}&size={size}&from={from}"))
        }
        Service::AdvisoriesBulk => Some("-/npm/v1/security/advisories/bulk".to_owned()),
        Service::AuditQuick => Some("-/npm/v1/security/audits/quick".to_owned()),
        Service::Keys => Some("-/npm/v1/keys".to_owned()),
        Service::Attestations { package, version } => {
            let (package, version) = (path::packument_path(package), path::encode(version));
            Some(format!("-/npm/v1/attestations/{package}@{version}"))
        }
        Service::Ping | Service::Whoami | Service::Projects(_) => None,
    }
}

/// The answer that says "nothing", for a service that is not passed on.
pub fn empty_answer(service: &Service) -> Option<&'static str> {
    match service {
        Service::Ping | Service::AdvisoriesBulk => Some("{}"),
        Service::Search { .. } => Some(r#"{"objects":[],"total":0}"#),
        Service::AuditQuick => Some(concat!(
            r#"{"actions":[],"advisories":{},"muted":[],"metadata":{"vulnerabilities":"#,
            r#"{"info":0,"low":0,"moderate":0,"high":0,"critical":0},"dependencies":0,"#,
            r#""devDependencies":0,"optionalDependencies":0,"totalDependencies":0}}"#,
        )),
        Service::Keys => Some(r#"{"keys":[]}"#),
        Service::Whoami | Service::Attestations { .. } | Service::Projects(_) => None,
    }
}

/// What of a bulk advisory call (`{name: [versions]}`) may be asked upstream.
///
/// Names that may not be asked or are none are left out; `None` if nothing remains.
pub fn advisories_request(
    body: &[u8],
    may_ask: &dyn Fn(&PackageName) -> bool,
) -> Result<Option<Vec<u8>>, String> {
    let asked = object(body, "bulk advisory request")?;
    let mut passed = Map::new();
    for (name, versions) in asked {
        let Value::Array(mut versions) = versions else {
            continue;
        };
        versions.retain(|version| version.as_str().is_some_and(path::is_version));
        if !versions.is_empty() && allowed(&name, may_ask) {
            passed.insert(name, Value::Array(versions));
        }
    }
    Ok((!passed.is_empty()).then(|| written(passed)))
}

/// What of an upstream's search answer may be shown; `total` is corrected by what was taken out.
pub fn search_answer(
    body: &[u8],
    may_show: &dyn Fn(&PackageName) -> bool,
) -> Result<Vec<u8>, Unreadable> {
    let mut answer = object(body, "search answer").map_err(Unreadable)?;
    let Some(Value::Array(objects)) = answer.get_mut("objects") else {
        return Err(Unreadable(
            "the search answer has no list of objects".to_owned(),
        ));
    };
    let found = objects.len();
    objects.retain(|found| {
        let name = found.get("package").and_then(|package| package.get("name"));
        name.and_then(Value::as_str)
            .is_some_and(|name| allowed(name, may_show))
    });
    let removed = found - objects.len();
    let shown = objects.len();
    if let Some(total) = answer.get_mut("total") {
        let said = usize::try_from(total.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        *total = said.saturating_sub(removed).max(shown).into();
    }
    Ok(written(answer))
}

pub(super) fn allowed(name: &str, may: &dyn Fn(&PackageName) -> bool) -> bool {
    PackageName::npm(name).is_ok_and(|package| may(&package))
}

/// The body as an object; serde_json bounds its depth.
pub(super) fn object(body: &[u8], what: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(body).map_err(|error| format!("the {what} is no JSON object: {error}"))
}

pub(super) fn written(object: Map<String, Value>) -> Vec<u8> {
    Value::Object(object).to_string().into_bytes()
}
