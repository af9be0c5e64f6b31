//! The listings of a generic package, as JSON.

use std::time::SystemTime;

use rules::moment;
use serde::Serialize;

use super::path::Address;
use crate::protocol::Rendered;

/// A version and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub version: String,
    pub status: Status,
    /// When it was finished.
    pub published: Option<SystemTime>,
    /// By name.
    pub assets: Vec<Asset>,
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    pub name: String,
    pub size: u64,
    /// Lower-case hexadecimal digits.
    pub sha256: String,
}

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub enum Status {
    /// Files may be added and removed; only publishers see it.
    Unfinished,
    Published,
    /// Found by its version, not in listings.
    Unlisted,
    /// Kept, not served.
    Archived,
    /// Its bytes are gone.
    Disposed,
}

#[derive(Serialize)]
struct PackagePage<'a> {
    namespace: &'a str,
    name: &'a str,
    versions: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct ReleasePage<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    entry: Entry<'a>,
}

#[derive(Serialize)]
struct Entry<'a> {
    version: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<String>,
    assets: &'a [Asset],
}

/// The listing of a package: its versions as they were given, which have no order of their own.
/// `None` if nothing is to be shown.
pub fn package_listing(
    address: &Address,
    releases: &[Release],
    publisher: bool,
) -> Option<Rendered> {
    let shown = |release: &&Release| match release.status {
        Status::Published => true,
        Status::Unfinished => publisher,
        Status::Unlisted | Status::Archived | Status::Disposed => false,
    };
    let versions: Vec<Entry<'_>> = releases.iter().filter(shown).map(entry).collect();
    let page = PackagePage {
        namespace: address.package.namespace(),
        name: address.package.name(),
        versions,
    };
    (!page.versions.is_empty()).then(|| rendered(&page))?
}

/// The listing of one version; `None` if it is not to be shown.
pub fn release_listing(address: &Address, release: &Release, publisher: bool) -> Option<Rendered> {
    let shown = match release.status {
        Status::Published | Status::Unlisted => true,
        Status::Unfinished => publisher,
        Status::Archived | Status::Disposed => false,
    };
    let page = ReleasePage {
        namespace: address.package.namespace(),
        name: address.package.name(),
        entry: entry(release),
    };
    shown.then(|| rendered(&page))?
}

fn entry(release: &Release) -> Entry<'_> {
    Entry {
        version: &release.version,
        status: release.status,
        published: release
            .published
            .map(|time| format!("{}Z", moment::show(time))),
        assets: &release.assets,
    }
}

fn rendered(page: &impl Serialize) -> Option<Rendered> {
    Some(Rendered {
        bytes: serde_json::to_vec(page).ok()?,
        content_type: "application/json",
    })
}
