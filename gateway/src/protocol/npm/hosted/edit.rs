//! Changes to what is published: the whole document comes back, and what is different is meant.
//!
//! The document must have been made from the package as it is now (`_rev`), and from nothing but
//! what is hosted here: a `GET /{package}?write=true` must be answered from [`super::packument`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::packument::HostedPackage;
use super::problem::Problem;

/// The longest reason for a deprecation.
const REASON_BYTES_MAX: usize = 4096;

/// The one kind of change that a document asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `npm deprecate`, `npm undeprecate`. Empty if the document changes nothing.
    Deprecate(Vec<Deprecation>),
    /// `npm unpublish <package>@<version>`, its first half: versions go, and their tags go or move.
    Unpublish {
        /// Those that go.
        versions: Vec<String>,
        /// Those that are left.
        tags: Vec<(String, String)>,
    },
}

/// A version's new reason for not being used; `None` takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deprecation {
    /// One that is published.
    pub version: String,
    /// What clients are to be told.
    pub reason: Option<String>,
}

impl Edit {
    /// Reads the document of `PUT /{package}` without attachments, or, with the revision of the
    /// address, of `PUT /{package}/-rev/{revision}`. Only the latter can take versions away.
    pub fn read(
        document: &Map<String, Value>,
        package: &HostedPackage<'_>,
        revision: Option<&str>,
    ) -> Result<Self, Problem> {
        let versions = whole(document, package)?;
        up_to_date(document, package, revision)?;
        let gone: Vec<&str> = package
            .versions
            .iter()
            .map(|version| version.version.as_str())
            .filter(|version| !versions.contains_key(*version))
            .collect();
        let deprecations = deprecations(versions, package)?;
        let tags = tags(document, package)?;
        if gone.is_empty() {
            let known = package.tags.iter().cloned().collect::<BTreeSet<_>>();
            if tags.iter().cloned().collect::<BTreeSet<_>>() != known {
                return Err(Problem::refused(
                    "dist-tags are not changed with the whole document: use npm dist-tag",
                ));
            }
            return Ok(Self::Deprecate(deprecations));
        }
        if revision.is_none() {
            return Err(Problem::refused(format!(
                "the document lacks version {}: versions are taken away with npm unpublish",
                gone[0]
            )));
        }
        if !deprecations.is_empty() {
            return Err(Problem::refused(
                "one request can't unpublish versions and deprecate others",
            ));
        }
        moved(&tags, &gone, package)?;
        Ok(Self::Unpublish {
            versions: gone.into_iter().map(str::to_owned).collect(),
            tags,
        })
    }
}

/// Its versions, if it is a document of this package at all.
fn whole<'a>(
    document: &'a Map<String, Value>,
    package: &HostedPackage<'_>,
) -> Result<&'a Map<String, Value>, Problem> {
    let name = package.name.to_string();
    for field in ["_id", "name"] {
        match document.get(field) {
            None => {}
            Some(value) if value.as_str() == Some(&name) => {}
            Some(_) => {
                return Err(Problem::malformed(format!("field {field} is not {name:?}")));
            }
        }
    }
    match document.get("versions") {
        Some(Value::Object(versions)) => return Ok(versions),
        Some(_) => return Err(Problem::malformed("field versions is no object")),
        None => {}
    }
    Err(if document.contains_key("users") {
        Problem::refused("packages are not starred here")
    } else if document.contains_key("maintainers") {
        Problem::refused("packages have no owners here: who may publish is in the rules")
    } else {
        Problem::malformed("the body has neither versions nor a tarball")
    })
}

fn up_to_date(
    document: &Map<String, Value>,
    package: &HostedPackage<'_>,
    revision: Option<&str>,
) -> Result<(), Problem> {
    let inside = match document.get("_rev") {
        None | Some(Value::Null) => None,
        Some(Value::String(inside)) => Some(inside.as_str()),
        Some(_) => return Err(Problem::malformed("field _rev is no string")),
    };
    let now = package.revision();
    let stated = [inside, revision];
    if stated.iter().all(Option::is_none) {
        return Err(Problem::malformed("field _rev is missing"));
    }
    match stated.into_iter().flatten().all(|stated| stated == now) {
        true => Ok(()),
        false => Err(Problem::conflict(format!(
            "{} has changed since the document was fetched: do it again",
            package.name
        ))),
    }
}

/// What the versions of the document say, where they say nothing else than before.
fn deprecations(
    versions: &Map<String, Value>,
    package: &HostedPackage<'_>,
) -> Result<Vec<Deprecation>, Problem> {
    let mut changes = Vec::new();
    for (version, said) in versions {
        let Some(known) = package.version(version) else {
            return Err(Problem::refused(format!(
                "version {version} is not published here: a version is added with npm publish"
            )));
        };
        let Value::Object(said) = said else {
            return Err(Problem::malformed(format!(
                "field versions.{version} is no object"
            )));
        };
        if let Some(field) = difference(said, &known.document(package.name)) {
            return Err(Problem::refused(format!(
                "field {field} of version {version} is changed: only deprecated can be"
            )));
        }
        let reason = reason(version, said.get("deprecated"))?;
        let known = known.deprecated.as_deref().filter(|text| !text.is_empty());
        if reason != known {
            changes.push(Deprecation {
                version: version.clone(),
                reason: reason.map(str::to_owned),
            });
        }
    }
    Ok(changes)
}

fn reason<'a>(version: &str, value: Option<&'a Value>) -> Result<Option<&'a str>, Problem> {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= REASON_BYTES_MAX => Ok(Some(text)),
        Some(Value::String(_)) => Err(Problem::malformed(format!(
            "field versions.{version}.deprecated is longer than {REASON_BYTES_MAX} bytes"
        ))),
        Some(_) => Err(Problem::malformed(format!(
            "field versions.{version}.deprecated is no string"
        ))),
    }
}

/// The first field that is not as it was; addresses don't count, since they are the gateway's.
fn difference(said: &Map<String, Value>, known: &Value) -> Option<String> {
    let Value::Object(known) = known else {
        return None;
    };
    let fields = said.keys().chain(known.keys());
    let mut counted = fields.filter(|field| *field != "deprecated");
    counted
        .find(|field| match (said.get(*field), known.get(*field)) {
            (Some(Value::Object(said)), Some(Value::Object(known))) if *field == "dist" => {
                let mut fields = said.keys().chain(known.keys());
                fields.any(|field| field != "tarball" && said.get(field) != known.get(field))
            }
            (said, known) => said != known,
        })
        .cloned()
}

fn tags(
    document: &Map<String, Value>,
    package: &HostedPackage<'_>,
) -> Result<Vec<(String, String)>, Problem> {
    let Some(tags) = document.get("dist-tags") else {
        return Ok(package.tags.to_vec());
    };
    let wrong = || Problem::malformed("field dist-tags is no object of strings");
    let tags = tags.as_object().ok_or_else(wrong)?;
    let mut read = Vec::with_capacity(tags.len());
    for (tag, target) in tags {
        let target = target.as_str().ok_or_else(wrong)?;
        read.push((tag.clone(), target.to_owned()));
    }
    Ok(read)
}

/// Tags at versions that stay must stay; those at others may go, or to a version that stays.
fn moved(
    tags: &[(String, String)],
    gone: &[&str],
    package: &HostedPackage<'_>,
) -> Result<(), Problem> {
    let refused = |tag: &str| {
        Problem::refused(format!(
            "tag {tag} is changed though its version stays: use npm dist-tag"
        ))
    };
    for known in package.tags {
        if !gone.contains(&known.1.as_str()) && !tags.contains(known) {
            return Err(refused(&known.0));
        }
    }
    for (tag, target) in tags {
        if !package.tags.iter().any(|(known, _)| known == tag) {
            return Err(refused(tag));
        }
        if gone.contains(&target.as_str()) || package.version(target).is_none() {
            return Err(Problem::malformed(format!(
                "tag {tag} points at {target}, which is not among the versions that are left"
            )));
        }
    }
    Ok(())
}
