//! The list of a generic package's versions, as JSON: written of what is hosted, read back, and shown.

use std::time::SystemTime;

use rules::{Digest, DigestAlgorithm, PackageName, moment};
use serde::{Deserialize, Serialize};

use crate::protocol::{
    Body, Document, Index, Listed, ListedFile, Location, Part, Rendered, Shown, Unreadable,
    Unrenderable,
};

/// A package with its versions, which have no order of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub namespace: String,
    pub name: String,
    pub versions: Vec<Release>,
}

/// A version and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub version: String,
    /// RFC 3339.
    pub published: String,
    pub assets: Vec<Asset>,
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    pub name: String,
    pub size: u64,
    /// Hexadecimal digits in small letters.
    pub sha256: String,
}

#[derive(Serialize)]
struct OneRelease<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    release: &'a Release,
}

impl Release {
    pub fn new(version: &str, published: SystemTime, assets: Vec<Asset>) -> Self {
        Self {
            version: version.to_owned(),
            published: moment::show(published),
            assets,
        }
    }

    fn listed(&self) -> Listed {
        Listed {
            version: self.version.clone(),
            published: moment::read(&self.published),
            files: self.assets.iter().map(Asset::listed).collect(),
        }
    }
}

impl Asset {
    fn listed(&self) -> ListedFile {
        ListedFile {
            name: self.name.clone(),
            location: Location::Path(String::new()),
            digests: Digest::from_hex(DigestAlgorithm::Sha256, &self.sha256)
                .into_iter()
                .collect(),
            size: Some(self.size),
            metadata: None,
        }
    }
}

/// Reads what [`super::Generic`] wrote itself: no registry has such documents.
pub fn read(package: &PackageName, document: &Document) -> Result<Index, Unreadable> {
    let listing: Listing =
        serde_json::from_slice(&document.bytes).map_err(|error| Unreadable(error.to_string()))?;
    if listing.namespace != package.namespace() || listing.name != package.name() {
        return Err(Unreadable(format!("the document is not {package}'s")));
    }
    let versions = listing.versions.iter().map(Release::listed).collect();
    Ok(Index::new(versions, Body::Generic(listing)))
}

/// All versions that are shown, or the one that was asked for; of equal ones the nearest.
pub fn render(
    package: &PackageName,
    version: Option<&str>,
    parts: &[Part<'_>],
) -> Result<Rendered, Unrenderable> {
    let mut versions: Vec<Release> = Vec::new();
    let mut withheld = None;
    for part in parts {
        let Body::Generic(listing) = &part.index.body else {
            continue;
        };
        for (release, shown) in listing.versions.iter().zip(part.shown) {
            let is_asked = version.is_none_or(|version| version == release.version);
            let is_known = versions
                .iter()
                .any(|known| known.version == release.version);
            match shown {
                _ if !is_asked || is_known => {}
                Shown::Withhold(sentence) => withheld = withheld.or(Some(sentence.clone())),
                Shown::Keep | Shown::Warn(_) => versions.push(release.clone()),
                Shown::Only(files) => versions.extend(only(release, files)),
            }
        }
    }
    let (namespace, name) = (package.namespace(), package.name());
    let text = match (version, versions.first(), withheld) {
        (_, None, Some(sentence)) => return Err(Unrenderable::Withheld(sentence)),
        (_, None, None) => return Err(Unrenderable::Absent),
        (Some(_), Some(release), _) => serde_json::to_vec(&OneRelease {
            namespace,
            name,
            release,
        }),
        (None, Some(_), _) => serde_json::to_vec(&Listing {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            versions,
        }),
    };
    Ok(Rendered {
        bytes: text.map_err(|_| Unrenderable::Absent)?,
        content_type: "application/json",
    })
}

/// The version with the files that are at hand; `None` without any.
fn only(release: &Release, files: &std::collections::BTreeSet<String>) -> Option<Release> {
    let mut release = release.clone();
    release.assets.retain(|asset| files.contains(&asset.name));
    (!release.assets.is_empty()).then_some(release)
}
