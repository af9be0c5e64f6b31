//! The addresses that change something: what a `PUT`, `POST` or `DELETE` asks for.
//!
//! Works on decoded segments, as the addresses for reading do.

use rules::PackageName;

use super::super::path;
use super::problem::Problem;
use super::tag;
use crate::exchange::{Method, Path};
use crate::protocol::Rejection;

/// What a write is about. Revisions are as the client sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// `PUT /{package}`: a publication, or the whole document with a change in it
    Package { package: PackageName },
    /// `PUT /{package}/-rev/{revision}`: the whole document without the versions that go
    Revision {
        package: PackageName,
        revision: String,
    },
    /// `DELETE /{package}/-rev/{revision}`: all of it
    Unpublish {
        package: PackageName,
        revision: String,
    },
    /// `DELETE /{package}/-/{file}/-rev/{revision}`: sent after a [`Write::Revision`] took the
    /// version away; by then it does nothing
    UnpublishFile {
        package: PackageName,
        version: String,
        revision: String,
    },
    /// `PUT` or `POST /-/package/{package}/dist-tags/{tag}`: the body is a version
    SetTag { package: PackageName, tag: String },
    /// `DELETE /-/package/{package}/dist-tags/{tag}`
    RemoveTag { package: PackageName, tag: String },
}

/// What is asked for; `None` if it is no write of ours: an address for reading, or none at all.
pub fn parse_write(method: Method, path: &Path) -> Option<Result<Write, Problem>> {
    if !matches!(method, Method::Put | Method::Post | Method::Delete) {
        return None;
    }
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [] => None,
        ["-", rest @ ..] if !rest.is_empty() => parse_service(method, rest),
        [first, ..] if first.starts_with('_') => None,
        _ => parse_package(method, &segments).transpose(),
    }
}

fn parse_package(method: Method, segments: &[&str]) -> Result<Option<Write>, Problem> {
    let Some((package, rest)) = take_package(segments)? else {
        return Ok(None);
    };
    Ok(Some(match (method, rest) {
        (Method::Put, []) => Write::Package { package },
        (Method::Put, ["-rev", revision]) => Write::Revision {
            package,
            revision: (*revision).to_owned(),
        },
        (Method::Delete, ["-rev", revision]) => Write::Unpublish {
            package,
            revision: (*revision).to_owned(),
        },
        (Method::Delete, ["-", file, "-rev", revision]) => Write::UnpublishFile {
            version: version_of(&package, file)?,
            package,
            revision: (*revision).to_owned(),
        },
        (Method::Put, [tag]) if !tag.starts_with(['-', '_']) => {
            return Err(Problem::refused(format!(
                "tags are not set at this address: use npm dist-tag add {package}@version {tag}"
            )));
        }
        _ => return Ok(None),
    }))
}

fn version_of(package: &PackageName, file: &str) -> Result<String, Problem> {
    let version = file
        .strip_prefix(package.name())
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(".tgz"))
        .filter(|version| path::is_version(version));
    version.map(str::to_owned).ok_or_else(|| {
        let leaf = package.name();
        Problem::malformed(format!("{file:?} is not {leaf}-<version>.tgz of {package}"))
    })
}

/// What stands below `/-/`: tags, and what other registries have for their users.
fn parse_service(method: Method, segments: &[&str]) -> Option<Result<Write, Problem>> {
    let refused = |sentence: &str| Some(Err(Problem::refused(sentence)));
    match segments {
        ["package", rest @ ..] => parse_tag(method, rest).transpose(),
        ["user", "token", ..] => {
            refused("tokens are not revoked from here: ask an operator of this registry")
        }
        ["user", ..] | ["v1", "login", ..] | ["v1", "done", ..] => refused(
            "this registry has no logins: ask an operator for a token, and put it into .npmrc \
             as //host/path/:_authToken",
        ),
        ["npm", "v1", "tokens", ..] => {
            refused("tokens are not made or revoked from here: ask an operator of this registry")
        }
        ["npm", "v1", "user", ..] | ["org", ..] | ["team", ..] => {
            refused("this registry has no user accounts, organisations or teams")
        }
        ["npm", "v1", "oidc", ..] => {
            refused("this registry has no trusted publishing: use a token")
        }
        ["stage", ..] => refused("this registry has no staged publishing: use npm publish"),
        _ => None,
    }
}

fn parse_tag(method: Method, segments: &[&str]) -> Result<Option<Write>, Problem> {
    let Some((package, rest)) = take_package(segments)? else {
        return Ok(None);
    };
    match (method, rest) {
        (_, ["access" | "collaborators" | "visibility" | "trust", ..]) => Err(Problem::refused(
            "who may read or publish a package is set in this registry's rules, not in the package",
        )),
        (Method::Delete, ["dist-tags", "latest"]) => Err(Problem::refused(
            "tag latest can't be removed, clients need it: point it at another version",
        )),
        (Method::Delete, ["dist-tags", name]) => Ok(Some(Write::RemoveTag {
            package,
            tag: (*name).to_owned(),
        })),
        (_, ["dist-tags", name]) => {
            tag::check(name)?;
            Ok(Some(Write::SetTag {
                package,
                tag: (*name).to_owned(),
            }))
        }
        _ => Ok(None),
    }
}

/// `None` where a name could not even stand.
fn take_package<'a, 'b>(
    segments: &'b [&'a str],
) -> Result<Option<(PackageName, &'b [&'a str])>, Problem> {
    if segments.is_empty() {
        return Ok(None);
    }
    match path::take_package(segments) {
        Ok(taken) => Ok(Some(taken)),
        Err(Rejection::Malformed(reason)) => Err(Problem::malformed(reason)),
        Err(_) => Ok(None),
    }
}
