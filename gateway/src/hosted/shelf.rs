//! What is hosted, at hand in memory: which packages there are, what each holds, where the bytes lie.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use arc_swap::ArcSwap;
use moka::future::Cache as Table;
use rules::{Digest, DigestAlgorithm, Flags, PackageName};

use super::documents::{document, maven_files};
use super::{BlobError, Blobs};
use crate::protocol::{ArtifactTarget, Document, IndexTarget, Sidecar, maven};
use crate::state::{HostedPackage, HostedVersion, Record, State, StateError, Status, StoredFile};

/// The hosted packages of all repositories.
pub struct Shelf {
    pub state: State,
    pub blobs: Arc<Blobs>,
    records: ArcSwap<Records>,
    packages: Table<Place, Arc<HostedPackage>>,
}

/// A package of a repository at one moment of its life.
type Place = (String, PackageName, i64);

#[derive(Default)]
struct Records {
    pulse: (i64, i64),
    by_repository: HashMap<String, HashMap<PackageName, Record>>,
}

/// A file that is hosted.
pub struct Found {
    pub stored: StoredFile,
    pub status: Status,
}

impl Found {
    /// A digest as a checksum file holds it.
    pub fn checksum(&self, algorithm: DigestAlgorithm) -> Option<&str> {
        match algorithm {
            DigestAlgorithm::Md5 => Some(&self.stored.md5),
            DigestAlgorithm::Sha1 => Some(&self.stored.sha1),
            DigestAlgorithm::Sha256 => Some(&self.stored.sha256),
            DigestAlgorithm::Sha384 => None,
            DigestAlgorithm::Sha512 => Some(&self.stored.sha512),
        }
    }

    /// The digests that replies show.
    pub fn digests(&self) -> Vec<cache::Digest> {
        const SHOWN: [(DigestAlgorithm, cache::DigestAlgorithm); 3] = [
            (DigestAlgorithm::Sha256, cache::DigestAlgorithm::Sha256),
            (DigestAlgorithm::Sha1, cache::DigestAlgorithm::Sha1),
            (DigestAlgorithm::Md5, cache::DigestAlgorithm::Md5),
        ];
        let digest = |(ours, shown): &(DigestAlgorithm, cache::DigestAlgorithm)| {
            let digest = Digest::from_hex(*ours, self.checksum(*ours)?)?;
            Some(cache::Digest {
                algorithm: *shown,
                bytes: digest.bytes,
            })
        };
        SHOWN.iter().filter_map(digest).collect()
    }
}

/// How many packages are kept in memory with all that is known of them.
const PACKAGES_MAX: u64 = 1000;

impl Shelf {
    /// Reads the records.
    pub async fn open(state: State, blobs: Arc<Blobs>) -> Result<Self, StateError> {
        let shelf = Self {
            state,
            blobs,
            records: ArcSwap::default(),
            packages: Table::new(PACKAGES_MAX),
        };
        shelf.refresh().await?;
        Ok(shelf)
    }

    /// Takes in what has changed, whoever changed it.
    pub async fn refresh(&self) -> Result<(), StateError> {
        let pulse = self.state.pulse().await?;
        if pulse == self.records.load().pulse && pulse != (0, 0) {
            return Ok(());
        }
        let mut by_repository = HashMap::<String, HashMap<PackageName, Record>>::new();
        for record in self.state.records().await? {
            let repository = by_repository.entry(record.repository.clone()).or_default();
            repository.insert(record.package.clone(), record);
        }
        self.records.store(Arc::new(Records {
            pulse,
            by_repository,
        }));
        Ok(())
    }

    /// The flags that somebody chose, or that follow from a publication.
    pub fn flags(&self, repository: &str, package: &PackageName) -> Option<Flags> {
        let records = self.records.load();
        let record = records.by_repository.get(repository)?.get(package)?;
        Some(record.flags)
    }

    /// Whether there are records at all: most questions need not ask further.
    pub fn is_empty(&self) -> bool {
        self.records.load().by_repository.is_empty()
    }

    /// A package as a repository hosts it; `None` if it hosts no version.
    pub async fn package(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<Option<Arc<HostedPackage>>, StateError> {
        let generation = {
            let records = self.records.load();
            let repository = records.by_repository.get(repository);
            match repository.and_then(|packages| packages.get(package)) {
                Some(record) if record.is_hosted => record.generation,
                _ => return Ok(None),
            }
        };
        let place = (repository.to_owned(), package.clone(), generation);
        if let Some(known) = self.packages.get(&place).await {
            return Ok(Some(known));
        }
        let Some(hosted) = self.state.hosted(repository, package).await? else {
            return Ok(None);
        };
        let hosted = Arc::new(hosted);
        if hosted.generation == generation {
            self.packages.insert(place, Arc::clone(&hosted)).await;
        }
        Ok(Some(hosted))
    }

    /// What a repository hosts of a package, as a document of its ecosystem.
    pub async fn document(
        &self,
        repository: &str,
        target: &IndexTarget,
    ) -> Result<Option<Document>, StateError> {
        let hosted = self.package(repository, &target.package).await?;
        Ok(hosted.and_then(|hosted| document(target, &hosted)))
    }

    /// The versions that stand in the way of others of the same name: archived and disposed ones.
    pub async fn tombstones(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<Vec<String>, StateError> {
        let hosted = self.package(repository, package).await?;
        let is_dead = |status| matches!(status, Status::Archived | Status::Disposed);
        Ok(hosted.map_or_else(Vec::new, |hosted| {
            let dead = hosted
                .versions
                .iter()
                .filter(|version| is_dead(version.status));
            dead.map(|version| version.version.clone()).collect()
        }))
    }

    /// A file or a sidecar of one; `None` if the repository does not host it.
    pub async fn find(
        &self,
        repository: &str,
        target: &ArtifactTarget,
    ) -> Result<Option<Found>, StateError> {
        let Some(hosted) = self.package(repository, &target.package).await? else {
            return Ok(None);
        };
        let version = hosted.versions.iter().find(|hosted| {
            rules::same(target.package.ecosystem(), &hosted.version, &target.version)
        });
        Ok(version.and_then(|version| find(version, target)))
    }

    /// The bytes of a file.
    pub fn bytes(&self, file: &StoredFile) -> Result<Option<File>, BlobError> {
        self.blobs.open_blob(&file.sha256)
    }

    /// Every package of which a repository shows something.
    pub fn names(&self, repository: &str) -> Vec<PackageName> {
        let records = self.records.load();
        let packages = records.by_repository.get(repository);
        let packages = packages.into_iter().flat_map(HashMap::values);
        let hosted = packages.filter(|record| record.is_hosted);
        hosted.map(|record| record.package.clone()).collect()
    }
}

fn find(version: &HostedVersion, target: &ArtifactTarget) -> Option<Found> {
    let suffix = match target.sidecar {
        None | Some(Sidecar::Checksum(_)) => "",
        Some(Sidecar::Signature | Sidecar::SignatureChecksum(_)) => ".asc",
        Some(Sidecar::Sigstore) => ".sigstore.json",
        Some(Sidecar::Metadata) => ".metadata",
        Some(Sidecar::Provenance) => return None,
    };
    let name = format!("{}{suffix}", target.file);
    let named = |name: &str| version.files.iter().find(|file| file.filename == name);
    let stored = named(&name).or_else(|| {
        let files: Vec<maven::hosted::HostedFile> = maven_files(version).collect();
        let package = &target.package;
        let newest = maven::hosted::alias(package, &version.version, &name, &files)?;
        named(&newest.name)
    })?;
    Some(Found {
        stored: stored.clone(),
        status: version.status,
    })
}
