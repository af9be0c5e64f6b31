//! What is hosted, at hand in memory: which packages there are, what each holds, where the bytes lie.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::Arc;

use arc_swap::ArcSwap;
use moka::future::Cache as Table;
use rules::{Digest, DigestAlgorithm, Ecosystem, Flags, PackageName};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::documents::{document, maven_files};
use super::{BlobError, Blobs};
use crate::protocol::{ArtifactTarget, Document, DocumentKind, IndexTarget, Sidecar, maven};
use crate::state::{HostedPackage, HostedVersion, Record, State, StateError, Status, StoredFile};

/// The hosted packages of all repositories.
pub struct Shelf {
    pub state: State,
    pub blobs: Arc<Blobs>,
    records: ArcSwap<Records>,
    packages: Table<Place, Arc<HostedPackage>>,
    documents: Table<(Place, DocumentKind), Arc<Shown>>,
    /// One look at the database at a time, so that an older answer never takes a newer one's place.
    looking: Mutex<()>,
}

/// A package of a repository at one moment of its life.
type Place = (String, PackageName, i64);

#[derive(Default)]
struct Records {
    pulse: (i64, i64),
    by_repository: HashMap<String, HashMap<PackageName, Record>>,
}

/// A version that is hosted, and its file of the name that was asked for.
pub struct Found {
    pub status: Status,
    /// None if it has no such file: nobody else's of that version is taken for it.
    pub stored: Option<StoredFile>,
}

/// What is shown of a package, made once.
pub struct Shown {
    pub document: Document,
    /// The SHA-256 of its bytes.
    pub digest: Vec<u8>,
}

/// A digest of a file as a checksum file holds it.
pub fn checksum(file: &StoredFile, algorithm: DigestAlgorithm) -> Option<&str> {
    match algorithm {
        DigestAlgorithm::Md5 => Some(&file.md5),
        DigestAlgorithm::Sha1 => Some(&file.sha1),
        DigestAlgorithm::Sha256 => Some(&file.sha256),
        DigestAlgorithm::Sha384 => None,
        DigestAlgorithm::Sha512 => Some(&file.sha512),
    }
}

/// The digests of a file that replies show.
pub fn digests(file: &StoredFile) -> Vec<cache::Digest> {
    const SHOWN: [(DigestAlgorithm, cache::DigestAlgorithm); 3] = [
        (DigestAlgorithm::Sha256, cache::DigestAlgorithm::Sha256),
        (DigestAlgorithm::Sha1, cache::DigestAlgorithm::Sha1),
        (DigestAlgorithm::Md5, cache::DigestAlgorithm::Md5),
    ];
    let digest = |(ours, shown): &(DigestAlgorithm, cache::DigestAlgorithm)| {
        let digest = Digest::from_hex(*ours, checksum(file, *ours)?)?;
        Some(cache::Digest {
            algorithm: *shown,
            bytes: digest.bytes,
        })
    };
    SHOWN.iter().filter_map(digest).collect()
}

/// How many packages are kept in memory with all that is known of them.
const PACKAGES_MAX: u64 = 1000;
/// How many bytes of their documents.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

impl Shelf {
    /// Reads the records.
    pub async fn open(state: State, blobs: Arc<Blobs>) -> Result<Self, StateError> {
        let shelf = Self {
            state,
            blobs,
            records: ArcSwap::default(),
            packages: Table::new(PACKAGES_MAX),
            documents: Table::builder()
                .max_capacity(DOCUMENT_BYTES_MAX)
                .weigher(|_, shown: &Arc<Shown>| {
                    u32::try_from(shown.document.bytes.len()).unwrap_or(u32::MAX)
                })
                .build(),
            looking: Mutex::new(()),
        };
        shelf.refresh().await?;
        Ok(shelf)
    }

    /// Takes in what has changed, whoever changed it.
    pub async fn refresh(&self) -> Result<(), StateError> {
        let _looking = self.looking.lock().await;
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

    /// Whether a repository hosts a version of a package.
    pub fn hosts(&self, repository: &str, package: &PackageName) -> bool {
        let records = self.records.load();
        let record = records.by_repository.get(repository);
        let record = record.and_then(|packages| packages.get(package));
        record.is_some_and(|record| record.is_hosted)
    }

    /// The packages of an ecosystem of which any repository hosts a version, in the order of their names.
    pub fn names(&self, ecosystem: Ecosystem) -> Vec<PackageName> {
        let records = self.records.load();
        let packages = records.by_repository.values().flatten();
        let hosted = packages.filter(|(_, record)| record.is_hosted);
        let names = hosted.map(|(package, _)| package.clone());
        let names: BTreeSet<PackageName> = names.filter(|it| it.ecosystem() == ecosystem).collect();
        names.into_iter().collect()
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
    ) -> Result<Option<Arc<Shown>>, StateError> {
        let Some(hosted) = self.package(repository, &target.package).await? else {
            return Ok(None);
        };
        let place = (
            repository.to_owned(),
            target.package.clone(),
            hosted.generation,
        );
        let name = (place, target.document.clone());
        if let Some(known) = self.documents.get(&name).await {
            return Ok(Some(known));
        }
        let of = target.clone();
        let made = tokio::task::spawn_blocking(move || {
            let document = document(&of, &hosted)?;
            let digest = Sha256::digest(&document.bytes).to_vec();
            Some(Arc::new(Shown { document, digest }))
        });
        let Some(shown) = made.await.ok().flatten() else {
            return Ok(None);
        };
        self.documents.insert(name, Arc::clone(&shown)).await;
        Ok(Some(shown))
    }

    /// The versions that a repository has without listing them: those of others are not listed in their stead.
    pub async fn unlisted(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<Vec<String>, StateError> {
        let hosted = self.package(repository, package).await?;
        Ok(hosted.map_or_else(Vec::new, |hosted| {
            let versions = hosted.versions.iter();
            let unlisted = versions.filter(|version| version.status != Status::Published);
            unlisted.map(|version| version.version.clone()).collect()
        }))
    }

    /// A file or a sidecar of one; `None` if the repository does not host the version.
    pub async fn find(
        &self,
        repository: &str,
        target: &ArtifactTarget,
    ) -> Result<Option<Found>, StateError> {
        let Some(hosted) = self.package(repository, &target.package).await? else {
            return Ok(None);
        };
        let ecosystem = target.package.ecosystem();
        let is_it = |it: &&HostedVersion| rules::same(ecosystem, &it.version, &target.version);
        let found = hosted
            .versions
            .iter()
            .filter(is_it)
            .map(|it| find(it, target));
        // Of several spellings, the one that has the file; one that is gone makes all of them gone.
        Ok(found.reduce(|one, other| match (one.status, &one.stored) {
            (Status::Archived | Status::Disposed, _) | (_, Some(_)) => one,
            _ => other,
        }))
    }

    /// The bytes of a file.
    pub fn bytes(&self, file: &StoredFile) -> Result<Option<File>, BlobError> {
        self.blobs.open_blob(&file.sha256)
    }
}

fn find(version: &HostedVersion, target: &ArtifactTarget) -> Found {
    Found {
        status: version.status,
        stored: file_of(version, target).cloned(),
    }
}

fn file_of<'a>(version: &'a HostedVersion, target: &ArtifactTarget) -> Option<&'a StoredFile> {
    let suffix = match target.sidecar {
        None | Some(Sidecar::Checksum(_)) => "",
        Some(Sidecar::Signature | Sidecar::SignatureChecksum(_)) => ".asc",
        Some(Sidecar::Sigstore) => ".sigstore.json",
        Some(Sidecar::Metadata) => ".metadata",
        Some(Sidecar::Provenance) => return None,
    };
    let name = format!("{}{suffix}", target.file);
    let named = |name: &str| version.files.iter().find(|file| file.filename == name);
    named(&name).or_else(|| {
        let files: Vec<maven::hosted::HostedFile> = maven_files(version).collect();
        let newest = maven::hosted::alias(&target.package, &version.version, &name, &files)?;
        named(&newest.name)
    })
}
