//! An uploaded `maven-metadata.xml`: never kept as it is, but it says which staged deployments are
//! whole.
//!
//! Its list of versions is the list that the client read plus its own, so what is staged and named
//! is this client's. A second client's unfinished version is not in it.

use std::collections::BTreeSet;

use rules::PackageName;

use super::super::metadata::{self, Metadata, Plugin, Snapshot};
use super::write::MetadataPlace;
use crate::protocol::{Body, MetadataLevel, Unreadable};

/// What an uploaded `maven-metadata.xml` says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Announcement {
    /// Versions (`1.0`, `1.1-SNAPSHOT`), or builds of a snapshot (`1.1-20240102.030405-6`).
    pub versions: Vec<String>,
    /// The prefixes of a group: to be kept for each artifact that is hosted here.
    pub plugins: Vec<Plugin>,
}

/// Reads an uploaded document. The coordinate inside must be its path's.
pub fn announcement(place: &MetadataPlace, bytes: &[u8]) -> Result<Announcement, Unreadable> {
    let index = match place {
        MetadataPlace::Package(package) => {
            metadata::read(package, &MetadataLevel::Artifact, bytes)?
        }
        MetadataPlace::Snapshot { package, version } => {
            let version = version.clone();
            metadata::read(package, &MetadataLevel::Snapshot { version }, bytes)?
        }
        // The reader wants a coordinate; a document of a group holds none to compare it with.
        MetadataPlace::Group(group) => {
            let package =
                PackageName::maven(group, group).map_err(|error| Unreadable(error.to_string()))?;
            metadata::read(&package, &MetadataLevel::Artifact, bytes)?
        }
    };
    let versions: Vec<String> = index
        .versions
        .into_iter()
        .map(|listed| listed.version)
        .collect();
    Ok(match index.body {
        Body::Maven(Metadata::Snapshot(snapshot)) => Announcement {
            versions: builds(snapshot),
            plugins: Vec::new(),
        },
        Body::Maven(Metadata::Package { plugins, .. }) => Announcement { versions, plugins },
        #[allow(unreachable_patterns, reason = "the gateway has other bodies")]
        _ => Announcement::default(),
    })
}

fn builds(snapshot: Snapshot) -> Vec<String> {
    let values = snapshot.files.into_iter().map(|file| file.value);
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Announcement {
    /// Whether a staged deployment is meant: by its version, or by the build in its files' names.
    pub fn names(&self, version: &str, file_version: &str) -> bool {
        let mut versions = self.versions.iter();
        versions.any(|each| each == version || each == file_version)
    }

    /// What is named, but neither hosted nor staged: if nothing was staged at all, the client takes
    /// for published what never came, was refused, or lay too long.
    pub fn absent(&self, is_known: impl Fn(&str) -> bool) -> Option<&str> {
        let mut versions = self.versions.iter().map(String::as_str);
        versions.find(|version| !is_known(version))
    }
}
