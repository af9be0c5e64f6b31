//! Maven versions that are arriving, file by file. They live as long as the process: the bytes of one that was cut off
//! are collected later, and the client deploys it anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rules::PackageName;

use crate::protocol::maven::hosted::{Deployment, Due, Hosted, Limits, Staged};
use crate::state::{Mode, Status, StoredFile, Submission};

/// Which version arrives, from whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub repository: String,
    pub package: PackageName,
    /// That of the folder: of a snapshot, `…-SNAPSHOT`.
    pub version: String,
    /// That of the files: of a snapshot, its build.
    pub file_version: String,
    pub principal: String,
}

/// The versions that arrive now.
pub struct Building {
    deployments: Mutex<HashMap<Place, Deployment>>,
    most: usize,
}

/// Gradle and sbt may end without metadata: after so much silence a whole version is taken as it is. A large file may
/// take minutes to arrive, of which nothing is seen here until it is whole.
const LIMITS: Limits = Limits {
    quiet: Duration::from_secs(300),
    expiry: Duration::from_secs(3600),
};

impl Building {
    /// With room for so many at once.
    pub fn new(most: usize) -> Self {
        Self {
            deployments: Mutex::default(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Deployment>> {
        self.deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a deployment, which begins now if it did not before; `None` if there is no room for it.
    pub fn with<T>(
        &self,
        place: &Place,
        now: SystemTime,
        change: impl FnOnce(&mut Deployment) -> T,
    ) -> Option<T> {
        let mut deployments = self.lock();
        if deployments.len() >= self.most && !deployments.contains_key(place) {
            return None;
        }
        let deployment = deployments
            .entry(place.clone())
            .or_insert_with(|| Deployment::new(place.package.name(), &place.file_version, now));
        Some(change(deployment))
    }

    /// What arrives of a package from this principal.
    pub fn places(&self, repository: &str, package: &PackageName, principal: &str) -> Vec<Place> {
        let is_it = |place: &&Place| {
            place.repository == repository
                && place.package == *package
                && place.principal == principal
        };
        self.lock().keys().filter(is_it).cloned().collect()
    }

    /// What a whole deployment publishes; `None` if it has no files.
    pub fn submission(&self, place: &Place, at: SystemTime) -> Option<Submission> {
        let deployments = self.lock();
        let files = deployments.get(place)?.files();
        let files: Vec<StoredFile> = files
            .iter()
            .map(|(name, staged)| StoredFile {
                filename: name.clone(),
                size: staged.size,
                sha256: staged.digests.sha256.clone(),
                sha512: staged.digests.sha512.clone(),
                sha1: staged.digests.sha1.clone(),
                md5: staged.digests.md5.clone(),
                metadata: "{}".to_owned(),
            })
            .collect();
        (!files.is_empty()).then(|| Submission {
            repository: place.repository.clone(),
            package: place.package.clone(),
            version: place.version.clone(),
            metadata: "{}".to_owned(),
            files,
            tags: Vec::new(),
            publisher: Some(place.principal.clone()),
            at,
            mode: Mode::AddFiles,
            status: Status::Published,
        })
    }

    /// These files are published. What came meanwhile stays for the next time.
    pub fn published(&self, place: &Place, submission: &Submission) {
        let mut deployments = self.lock();
        let Some(deployment) = deployments.get(place) else {
            return;
        };
        let is_published = |(name, staged): (&String, &Staged)| {
            let mut files = submission.files.iter();
            files.any(|file| file.filename == *name && file.sha256 == staged.digests.sha256)
        };
        if deployment.files().iter().all(is_published) {
            deployments.remove(place);
        }
    }

    /// Nobody wants it any more.
    pub fn forget(&self, place: &Place) {
        self.lock().remove(place);
    }

    /// Those that are to be published without being asked again; what lay too long is forgotten.
    pub fn due(&self, now: SystemTime) -> Vec<Place> {
        let mut due = Vec::new();
        self.lock().retain(|place, deployment| {
            // What is hosted already only matters for what is announced.
            match deployment.due(&Hosted::new(), LIMITS, now) {
                Due::Wait(_) => true,
                Due::Expire => false,
                Due::Commit => {
                    due.push(place.clone());
                    true
                }
            }
        });
        due
    }
}
