//! Addresses of generic packages, and what each method means at them.

use rules::{COMPONENT_BYTES_MAX, PackageName};

use crate::exchange::{Method, Path, Query};
use crate::protocol::{ArtifactTarget, DocumentKind, IndexTarget, Rejection, Target};

/// A request that changes what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// PUT: a file; the version is finished by it, or not.
    Upload { address: Address, finishes: bool },
    /// POST `?finish`: publish the version.
    Finish(Address),
    /// DELETE: the version.
    Delete(Address),
}

/// A package, one of its versions, or a file of that. Every part is legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub package: PackageName,
    pub version: Option<String>,
    /// Only with a version.
    pub asset: Option<String>,
}

/// Reads a request below the repository's address that asks for something. The path is judged before the method.
pub(super) fn parse(method: Method, path: &Path) -> Result<Target, Rejection> {
    let Address {
        package,
        version,
        asset,
    } = address(path)?;
    if !matches!(method, Method::Get | Method::Head) {
        return Err(Rejection::Method);
    }
    Ok(match (version, asset) {
        (Some(version), Some(file)) => Target::Artifact(ArtifactTarget {
            package,
            version,
            file,
            sidecar: None,
        }),
        (version, _) => Target::Index(IndexTarget {
            package,
            document: DocumentKind::Releases { version },
        }),
    })
}

/// Reads a request below the repository's address that changes something.
pub fn parse_write(method: Method, path: &Path, query: &Query) -> Result<Write, Rejection> {
    let address = address(path)?;
    let says = |word: &str| matches!(query.as_slice(), [(key, _)] if key == word);
    match (&address.version, &address.asset, method) {
        (_, Some(_), Method::Put) if query.is_empty() || says("unfinished") => Ok(Write::Upload {
            finishes: query.is_empty(),
            address,
        }),
        (Some(_), None, Method::Post) if says("finish") => Ok(Write::Finish(address)),
        (Some(_), None, Method::Delete) if query.is_empty() => Ok(Write::Delete(address)),
        (_, Some(_), Method::Put) => {
            Err(malformed("a file is put with ?unfinished or with nothing"))
        }
        (Some(_), None, Method::Post) => Err(malformed("a version is posted to with ?finish")),
        _ => Err(Rejection::Method),
    }
}

fn address(path: &Path) -> Result<Address, Rejection> {
    let (namespace, name, version, asset) = match (path.segments.as_slice(), path.trailing_slash) {
        ([namespace, name], true) => (namespace, name, None, None),
        ([namespace, name, version], true) => (namespace, name, Some(version), None),
        ([namespace, name, version, asset], false) => (namespace, name, Some(version), Some(asset)),
        _ => return Err(Rejection::Unknown),
    };
    let package = PackageName::generic(namespace, name);
    let legal = |what: &str, text: &String| check(what, text).map(|()| text.clone());
    Ok(Address {
        package: package.map_err(|error| malformed(error.to_string()))?,
        version: version.map(|text| legal("version", text)).transpose()?,
        asset: asset.map(|text| legal("asset", text)).transpose()?,
    })
}

/// A version or an asset is one segment, and a safe name of a file.
fn check(what: &str, text: &str) -> Result<(), Rejection> {
    if text.is_empty() || text.len() > COMPONENT_BYTES_MAX {
        return Err(malformed(format!(
            "the {what} has {} bytes: 1 to {COMPONENT_BYTES_MAX} are legal",
            text.len()
        )));
    }
    if text == "." || text == ".." {
        return Err(malformed(format!("the {what} {text:?} is a folder's name")));
    }
    let illegal = |character: &char| {
        matches!(character, '/' | '\\' | '#') || character.is_whitespace() || character.is_control()
    };
    match text.chars().find(illegal) {
        Some(character) => Err(malformed(format!(
            "the {what} {text:?} holds {character:?}"
        ))),
        None => Ok(()),
    }
}

fn malformed(reason: impl Into<String>) -> Rejection {
    Rejection::Malformed(reason.into())
}
