//! Addresses of generic packages, and what each method means at them.

use rules::{COMPONENT_BYTES_MAX, PackageName};

use crate::exchange::{Method, Path, Query};
use crate::protocol::Rejection;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// GET, HEAD: the versions of a package, or one of them.
    List(Address),
    /// GET, HEAD: a file.
    Fetch(Address),
    /// PUT: a file.
    Upload(Address),
    /// DELETE: a file or a version.
    Delete(Address),
    /// POST `?finish`: publish the version.
    Finish(Address),
}

/// A package, one of its versions, or a file of that. Every part is legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub package: PackageName,
    pub version: Option<String>,
    /// Only with a version.
    pub asset: Option<String>,
}

/// Reads the request below the repository's address. The path is judged before the method.
pub fn parse(method: Method, path: &Path, query: &Query) -> Result<Request, Rejection> {
    let address = address(path)?;
    let reads = matches!(method, Method::Get | Method::Head);
    let finishes = || query.len() == 1 && query.iter().any(|(key, _)| key == "finish");
    match (&address.version, &address.asset, method) {
        (_, None, _) if reads => Ok(Request::List(address)),
        (_, Some(_), _) if reads => Ok(Request::Fetch(address)),
        (_, Some(_), Method::Put) => Ok(Request::Upload(address)),
        (Some(_), _, Method::Delete) => Ok(Request::Delete(address)),
        (Some(_), None, Method::Post) if finishes() => Ok(Request::Finish(address)),
        (Some(_), None, Method::Post) => {
            Err(malformed("a version is posted to with ?finish".to_owned()))
        }
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

fn malformed(reason: String) -> Rejection {
    Rejection::Malformed(reason)
}
