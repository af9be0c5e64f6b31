//! One deployment, from its first PUT until it is visible: what each PUT is answered, and when the
//! version is whole.
//!
//! What clients do (recorded, `traffic/`; Gradle by its publisher's source):
//!
//! - Maven 3.8 sends one file after the other, Maven 3.9 the first file alone and then several at
//!   once, over several connections. But **each file's checksums follow their file**, in both and
//!   in Gradle, so the two never race. A checksum without its file is kept all the same and
//!   compared when the file comes: other publishers begin with it, and a 404 would gain nothing.
//! - **A refused checksum fails no Maven build.** It warns, goes on, and prints BUILD SUCCESS. So a
//!   checksum that differs also makes the metadata's PUT fail, which both versions report. What
//!   fits again heals: the right checksum, or the file sent anew.
//! - A refused file does fail the build, at its end: the other files still come, no metadata does.
//!   They are refused with the same sentence.
//! - Nothing marks a new try. But no client sends a file twice in one, so a refused deployment
//!   begins anew with a file that it has seen.
//! - `maven-metadata.xml` comes last; sbt sends none. Then POM, main file and a checksum of each
//!   are waited for, and a time of quiet.
//!
//! Files added later to a hosted version (another classifier) are a deployment of their own. Not
//! here: which deployment a PUT belongs to (repository, coordinate, file version), the bytes, the
//! clock. The state is plain data, so that it survives a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use rules::DigestAlgorithm;
use serde::{Deserialize, Serialize};

use super::super::checksum_text;
use super::digests::Digests;

/// The files that are hosted of a version already (of a snapshot: of this build), by name.
pub type Hosted = BTreeMap<String, Digests>;

/// How long a deployment may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After this, a deployment that needs no more is whole, and a refused one is forgotten.
    pub quiet: Duration,
    /// After this, an unfinished one is abandoned.
    pub expiry: Duration,
}

/// A file that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    pub kind: Kind,
    /// With its signature's suffix, if it is one.
    pub name: String,
    pub size: u64,
    pub digests: Digests,
}

/// What a file is to the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `alone`: its packaging is `pom`, so that there is no main file.
    Pom {
        alone: bool,
    },
    Other,
}

/// A checksum sidecar that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum<'a> {
    /// The file that it is of.
    pub name: &'a str,
    pub algorithm: DigestAlgorithm,
    pub bytes: &'a [u8],
}

/// What a client is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 201: staged, or taken note of.
    Taken,
    /// 200: it is hosted, with these bytes.
    Known,
    /// Host the staged files now; 201 if that succeeds.
    Commit,
    Refused(Refusal),
}

/// Why a PUT is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// 400 (it is not what it says), 403 (by policy), 409 (hosted with other bytes).
    pub status: u16,
    pub sentence: String,
}

/// What the caller has to do without being asked by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing before this moment, unless a request comes.
    Wait(SystemTime),
    /// Host the staged files.
    Commit,
    /// Forget the deployment and its bytes.
    Expire,
}

/// A staged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    pub kind: Kind,
    pub size: u64,
    pub digests: Digests,
}

/// The deployment of one version, or of one build of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `{artifact}-{file version}`
    stem: String,
    files: BTreeMap<String, Staged>,
    /// By file and algorithm, in lower-case digits; empty for what was no checksum.
    stated: BTreeMap<String, BTreeMap<String, String>>,
    /// Every file that was sent in this try.
    seen: BTreeSet<String>,
    refusal: Option<Refusal>,
    last: SystemTime,
}

/// More files or checksums than a version can need.
const FILES_MAX: usize = 1_000;

impl Answer {
    /// The status to answer with; of a commit, if it succeeds.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Taken | Self::Commit => 201,
            Self::Known => 200,
            Self::Refused(refusal) => refusal.status,
        }
    }
}

impl Refusal {
    /// A refusal of a status with its sentence.
    pub fn new(status: u16, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { status, sentence }
    }
}

impl Deployment {
    /// Begins a deployment. Of a snapshot, `file_version` names the build.
    pub fn new(artifact: &str, file_version: &str, now: SystemTime) -> Self {
        Self {
            stem: format!("{artifact}-{file_version}"),
            files: BTreeMap::new(),
            stated: BTreeMap::new(),
            seen: BTreeSet::new(),
            refusal: None,
            last: now,
        }
    }

    /// What is staged, to be hosted at the commit.
    pub const fn files(&self) -> &BTreeMap<String, Staged> {
        &self.files
    }

    /// A file arrived whole.
    pub fn put(&mut self, put: Put, hosted: &Hosted, now: SystemTime) -> Answer {
        self.last = now;
        if let Some(answer) = self.resume(&put.name) {
            return answer;
        }
        if let Some(known) = hosted.get(&put.name) {
            if known.sha256 == put.digests.sha256 {
                return Answer::Known;
            }
            let sentence = format!(
                "{} is published with other bytes: publish a new version",
                put.name
            );
            return self.abandon(Refusal::new(409, sentence));
        }
        // Sent anew, a file need not fit what was stated of it before.
        if self.files.contains_key(&put.name)
            && let Some(stated) = self.stated.get_mut(&put.name)
        {
            stated.retain(|algorithm, stated| put.digests.fits(algorithm, stated));
        }
        if let Some(algorithm) = self.misfit(&put.name, &put.digests) {
            let sentence = format!("{} does not fit its {algorithm} checksum", put.name);
            return self.abandon(Refusal::new(400, sentence));
        }
        if self.files.len() >= FILES_MAX {
            return self.abandon(Refusal::new(400, "the version has too many files"));
        }
        let Put {
            kind,
            name,
            size,
            digests,
        } = put;
        let staged = Staged {
            kind,
            size,
            digests,
        };
        self.files.insert(name, staged);
        Answer::Taken
    }

    /// A file was refused for a reason of the caller's: by policy, or since a POM is another's.
    /// What follows it is refused as well.
    pub fn refuse(&mut self, name: &str, refusal: Refusal, now: SystemTime) -> Answer {
        self.last = now;
        match self.resume(name) {
            Some(answer) => answer,
            None => self.abandon(refusal),
        }
    }

    /// A checksum arrived. Hexadecimal digits of either case, as repositories hold them.
    pub fn check(&mut self, checksum: Checksum<'_>, hosted: &Hosted, now: SystemTime) -> Answer {
        self.last = now;
        if let Some(refusal) = &self.refusal {
            return Answer::Refused(refusal.clone());
        }
        let Checksum {
            name,
            algorithm,
            bytes,
        } = checksum;
        let stated = checksum_text(bytes, algorithm).map_or(String::new(), |digest| digest.hex());
        let staged = self.files.get(name).map(|staged| &staged.digests);
        let fits = match staged.or_else(|| hosted.get(name)) {
            Some(digests) => digests.fits(algorithm.as_str(), &stated),
            None => !stated.is_empty(),
        };
        let kept = staged.is_some() || !hosted.contains_key(name);
        if kept && (self.stated.contains_key(name) || self.stated.len() < FILES_MAX) {
            let stated_of = self.stated.entry(name.to_owned()).or_default();
            stated_of.insert(algorithm.as_str().to_owned(), stated);
        }
        match fits {
            true => Answer::Taken,
            false => Answer::Refused(misfits(name, algorithm.as_str())),
        }
    }

    /// The metadata that names this deployment arrived: it is whole, or the client must hear why
    /// not, since it tells of success after this.
    pub fn announce(&mut self, hosted: &Hosted, now: SystemTime) -> Answer {
        self.last = now;
        if let Some(refusal) = &self.refusal {
            return Answer::Refused(refusal.clone());
        }
        if let Some(refusal) = self.fault() {
            return Answer::Refused(refusal);
        }
        if self.files.is_empty() {
            return Answer::Known;
        }
        let pom = format!("{}.pom", self.stem);
        if !self.files.contains_key(&pom) && !hosted.contains_key(&pom) {
            let sentence = format!("{pom} did not arrive: publish it with its files");
            return Answer::Refused(Refusal::new(400, sentence));
        }
        Answer::Commit
    }

    /// What is due without a request.
    pub fn due(&self, hosted: &Hosted, limits: Limits, now: SystemTime) -> Due {
        let quiet = self.last + limits.quiet;
        let (until, due) = match (&self.refusal, self.is_complete(hosted)) {
            (Some(_), _) => (quiet, Due::Expire),
            (None, true) => (quiet, Due::Commit),
            (None, false) => (self.last + limits.expiry, Due::Expire),
        };
        match now >= until {
            true => due,
            false => Due::Wait(until),
        }
    }

    /// Whether nothing is missed where no metadata will come.
    fn is_complete(&self, hosted: &Hosted) -> bool {
        if self.files.is_empty() || self.fault().is_some() {
            return false;
        }
        let pom_name = format!("{}.pom", self.stem);
        if hosted.contains_key(&pom_name) {
            return true;
        }
        let Some(pom) = self.files.get(&pom_name) else {
            return false;
        };
        let stated = |name: &str| self.stated.get(name);
        let confirmed = |name: &str| stated(name).is_some_and(|stated| !stated.is_empty());
        let mut names = self.files.keys();
        let main = pom.kind == Kind::Pom { alone: true }
            || names.any(|name| self.is_main(name) && confirmed(name));
        main && confirmed(&pom_name)
    }

    /// The main file has no classifier, and is not about another file.
    fn is_main(&self, name: &str) -> bool {
        let tail = name.strip_prefix(&self.stem);
        let extension = tail.and_then(|tail| tail.strip_prefix('.'));
        extension.is_some_and(|extension| {
            !matches!(extension, "pom" | "module")
                && !extension.ends_with("asc")
                && !extension.ends_with("sigstore.json")
        })
    }

    /// Refuses what follows a refused file, or lets a new try begin.
    fn resume(&mut self, name: &str) -> Option<Answer> {
        let again = !self.seen.insert(name.to_owned());
        let refusal = self.refusal.as_ref()?;
        if !again {
            // The set grows with foreign names, and a refused try needs no more of them.
            if self.seen.len() > FILES_MAX {
                self.seen.remove(name);
            }
            return Some(Answer::Refused(refusal.clone()));
        }
        self.refusal = None;
        self.seen = BTreeSet::from([name.to_owned()]);
        None
    }

    fn abandon(&mut self, refusal: Refusal) -> Answer {
        self.files.clear();
        self.stated.clear();
        self.refusal = Some(refusal.clone());
        Answer::Refused(refusal)
    }

    /// The first staged file, or announced one, that is not what its checksum says.
    fn fault(&self) -> Option<Refusal> {
        self.stated.keys().find_map(|name| {
            let Some(staged) = self.files.get(name) else {
                let sentence = format!("a checksum of {name} arrived, but not the file");
                return Some(Refusal::new(400, sentence));
            };
            let algorithm = self.misfit(name, &staged.digests)?;
            Some(misfits(name, algorithm))
        })
    }

    /// The algorithm of a stated checksum that is not of these bytes.
    fn misfit(&self, name: &str, digests: &Digests) -> Option<&str> {
        let mut stated = self.stated.get(name)?.iter();
        let misfit = stated.find(|(algorithm, stated)| !digests.fits(algorithm, stated));
        misfit.map(|(algorithm, _)| algorithm.as_str())
    }
}

fn misfits(name: &str, algorithm: &str) -> Refusal {
    let sentence = format!("{name}.{algorithm} is not the checksum of the file that arrived");
    Refusal::new(400, sentence)
}
