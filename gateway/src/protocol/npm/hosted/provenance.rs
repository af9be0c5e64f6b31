//! The Sigstore bundle that `npm publish --provenance` attaches, and what a registry says of it: `dist.attestations`, and
//! the answer to `/-/npm/v1/attestations/{package}@{version}`. Who signed it is for clients to check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::PackageName;
use serde_json::{Map, Value, json};

use super::super::service;
use super::publication::{FileBody, PublishedFile};
use crate::protocol::Service;

/// What the statement in a bundle is about (in-toto Statement v1, `predicateType`); `None` for what is no bundle.
pub fn predicate_type(bundle: &Value) -> Option<String> {
    let payload = bundle["dsseEnvelope"]["payload"].as_str()?;
    let statement = STANDARD.decode(payload).ok()?;
    let statement: Value = serde_json::from_slice(&statement).ok()?;
    statement["predicateType"].as_str().map(str::to_owned)
}

/// Says of the version that its provenance is here, as the registry says it.
pub(super) fn show(
    manifest: &mut Map<String, Value>,
    files: &[PublishedFile],
    package: &PackageName,
    version: &str,
) {
    let bundle = files.iter().find_map(|file| match &file.body {
        FileBody::Text(text) => serde_json::from_str(text).ok(),
        FileBody::Decoded(_) => None,
    });
    let shown = bundle.and_then(|bundle| shown(&bundle, package, version));
    if let (Some(Value::Object(dist)), Some(shown)) = (manifest.get_mut("dist"), shown) {
        dist.insert("attestations".to_owned(), shown);
    }
}

/// `dist.attestations`. Of the address, npm takes the path below its own registry.
fn shown(bundle: &Value, package: &PackageName, version: &str) -> Option<Value> {
    let path = service::locate_service(&Service::Attestations {
        package: package.clone(),
        version: version.to_owned(),
    })?;
    Some(json!({
        "url": format!("http://hosted.invalid/{path}"),
        "provenance": { "predicateType": predicate_type(bundle)? },
    }))
}

/// The answer of the attestations' address, of the text of a bundle.
pub fn attestations(bundle: &[u8]) -> Option<Value> {
    let bundle: Value = serde_json::from_slice(bundle).ok()?;
    let kind = predicate_type(&bundle)?;
    Some(json!({ "attestations": [{ "predicateType": kind, "bundle": bundle }] }))
}
