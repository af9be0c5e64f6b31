//! `portcullis authority trust`: makes clients trust the gateway's authority.
//!
//! Trust is added, never replaced. A client whose setting replaces its roots gets a combined
//! bundle: the roots it uses today, and ours. What is written into users' files is marked
//! ([`marks`]) and can be taken back. [`plan`] and [`undo`] read and decide, [`apply`] writes;
//! applying twice changes nothing, and applying after `authority rotate` brings the new
//! certificate in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustls::pki_types::CertificateDer;

use crate::config::Surroundings;
use crate::setup::{self, SetupError};

mod apply;
pub mod bundle;
pub mod command;
pub(crate) mod java;
pub mod marks;
pub mod places;
mod recipes;
mod roots;
mod shell;
mod system;
mod undo;

pub use apply::{Change, apply};
use command::{Invocation, Runner};
pub use java::of_jdk as jdk_store;

/// Who is made to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truster {
    /// A package manager.
    Client(setup::Client),
    /// This machine's own store.
    System,
    /// Whatever is started from the user's shell.
    Shell,
}

/// What all plans need to know.
pub struct Scene<'a> {
    /// The machine.
    pub surroundings: &'a Surroundings,
    /// `<data>/authority`, without links and relative parts.
    pub folder: PathBuf,
    /// The certificate in `authority.pem`.
    pub authority: CertificateDer<'static>,
    /// How programs are run.
    pub run: Runner<'a>,
}

/// What it takes to make one client trust, or to take it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Who.
    pub truster: Truster,
    /// In this order.
    pub steps: Vec<Step>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A file is to hold this, or to go.
    Write(Write),
    /// A trust store is made by the JDK's keytool.
    Store(Store),
    /// A program is run.
    Run(Invocation),
}

/// A file and what it is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The file.
    pub file: PathBuf,
    /// All of its text; without it, the file is removed.
    pub text: Option<String>,
    /// What `--print` shows of it.
    pub shown: String,
    /// Certificates: everyone may read them.
    pub is_public: bool,
    /// What to run as root where the file may not be written.
    pub as_root: Option<String>,
}

/// A PKCS #12 store of roots (RFC 7292): those of another one, and ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The store to make.
    pub file: PathBuf,
    /// The store whose roots it starts with.
    pub source: PathBuf,
    /// The password that the source is opened with; that of the JDK's own is known to everyone.
    pub source_password: String,
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The program.
    pub keytool: String,
}

/// Why trust was not given; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is nothing to trust yet.
    #[error("{}: {message}; run `portcullis authority create`", file.display())]
    NoAuthority {
        /// Where it should be.
        file: PathBuf,
        /// What is the matter.
        message: String,
    },
    /// The path would not survive in a client's file.
    #[error(
        "the data folder's path ({}) has characters that {what} can't take; move it",
        path.display()
    )]
    Path {
        /// The path.
        path: PathBuf,
        /// Which client.
        what: &'static str,
    },
    /// The roots in use today are not to be found.
    #[error("{0}")]
    Roots(String),
    /// Only root may do it.
    #[error("{} may be changed by root alone; run: {command}", file.display())]
    NeedsRoot {
        /// The file.
        file: PathBuf,
        /// What does the same.
        command: String,
    },
    /// A program failed.
    #[error("{command}: {message}")]
    Command {
        /// As it is typed.
        command: String,
        /// What it said.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}; check the file and its folder", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl<'a> Scene<'a> {
    /// Reads the authority of the gateway whose data folder this is.
    pub fn read(
        data: &Path,
        surroundings: &'a Surroundings,
        run: Runner<'a>,
    ) -> Result<Self, TrustError> {
        let folder = data.join("authority");
        let missing = |message: String| TrustError::NoAuthority {
            file: folder.join("authority.pem"),
            message,
        };
        let real = folder
            .canonicalize()
            .map_err(|error| missing(error.to_string()))?;
        let mut found = bundle::certificates(&real.join("authority.pem"))
            .map_err(|error| missing(error.to_string()))?;
        if found.is_empty() {
            return Err(missing("it holds no certificate".to_owned()));
        }
        let harmless = |c: char| !c.is_control() && !"\"'`$\\;#:!%".contains(c);
        if !real.to_str().is_some_and(|text| text.chars().all(harmless)) {
            return Err(TrustError::Path {
                path: real,
                what: "clients' files",
            });
        }
        Ok(Scene {
            surroundings,
            folder: real,
            authority: found.swap_remove(0),
            run,
        })
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A file of ours below `<data>/authority/trust/`.
    fn own(&self, name: &str) -> PathBuf {
        self.folder.join("trust").join(name)
    }

    /// Whether a client's setting names a file that [`plan`] made.
    fn is_own(&self, value: &str) -> bool {
        Path::new(value).starts_with(&self.folder)
    }

    /// A variable that is set, and not to a file of ours.
    fn foreign(&self, name: &str) -> Option<&str> {
        self.surroundings
            .variable(name)
            .filter(|value| !self.is_own(value))
    }
}

impl Truster {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Truster::Client(client) => client.as_str(),
            Truster::System => "system",
            Truster::Shell => "shell",
        }
    }
}

impl fmt::Display for Truster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Truster {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "system" => Ok(Truster::System),
            "shell" => Ok(Truster::Shell),
            name => name
                .parse()
                .map(Truster::Client)
                .map_err(|error: SetupError| format!("{error}, system, shell")),
        }
    }
}

/// What it takes to make `truster` trust the authority.
pub fn plan(truster: Truster, scene: &Scene<'_>) -> Result<Plan, TrustError> {
    let (steps, notes) = match truster {
        Truster::Client(client) => recipes::plan(client, scene)?,
        Truster::System => system::plan(scene)?,
        Truster::Shell => shell::all(scene)?,
    };
    Ok(Plan {
        truster,
        steps,
        notes,
    })
}

/// What it takes to take that back.
pub fn undo(truster: Truster, scene: &Scene<'_>) -> Result<Plan, TrustError> {
    let (steps, notes) = match truster {
        Truster::System => system::undo(scene)?,
        _ => undo::plan(truster, scene)?,
    };
    Ok(Plan {
        truster,
        steps,
        notes,
    })
}

/// What a plan is made of.
type Steps = (Vec<Step>, Vec<String>);

#[cfg(test)]
mod tests;
