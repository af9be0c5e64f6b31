//! `portcullis setup`: makes a client use the gateway.
//!
//! [`plan`] says what would be written where, [`apply`] writes it. What a user has is never
//! replaced: a key that is set to something else makes [`apply`] refuse and say what to do, before
//! anything is written. Applying twice changes nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::access::TokenText;
use crate::config::Surroundings;
use crate::config::upstream::Address;

mod apply;
mod clients;
mod entries;
mod lines;
mod login;
mod servers;
mod settings;
mod uv;

pub use apply::{Outcome, apply, replace, replace_bytes};
pub use entries::{Dialect, Entries, Entry, EntryKind};
pub use login::{Login, login};

/// A client that can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Client {
    Npm,
    Pnpm,
    Yarn,
    Pip,
    Uv,
    Poetry,
    Twine,
    Maven,
    Gradle,
}

/// What setting up a client takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The client.
    pub client: Client,
    /// Files and what is added to each; none for a client that is set up by commands alone.
    pub edits: Vec<Edit>,
    /// What the user types, since it belongs to a project or needs a secret.
    pub commands: Vec<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// One file and what is added to it. The text may hold a token and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub file: PathBuf,
    /// The text to add: what `--print` shows, and the whole file where there is none yet.
    pub text_to_add: String,
    /// How the text joins what is there already.
    pub form: Form,
}

/// How an addition joins what a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Keys and values in lines, with sections or without: `.npmrc`, `pip.conf`, `.yarnrc.yml`.
    Lines(Vec<Setting>),
    /// The default index of `uv.toml`.
    UvIndex {
        /// Its address.
        url: String,
    },
    /// The mirror of Maven's `settings.xml`.
    MavenMirror {
        /// Its address.
        url: String,
    },
    /// A file that is wholly ours.
    Whole,
    /// Keys of ours that are replaced; they hold a token.
    Entries(Entries),
    /// The server of Maven's `settings.xml`, which holds a token.
    MavenServer {
        /// The token.
        token: TokenText,
    },
}

/// One key of a file made of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The section, in an INI file.
    pub section: Option<&'static str>,
    /// The key.
    pub key: &'static str,
    /// The value, without quotes.
    pub value: String,
    /// The line as the client writes it.
    pub line: String,
    /// What an existing value does to ours.
    pub kind: SettingKind,
}

/// What may be done to a key that is set already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// It has one value: equal or in conflict.
    Single,
    /// It is a list that ours must be in; a user adds it.
    Listed,
    /// It is a list over several lines; ours is added as one more.
    ListedInLines,
}

/// Why a client was not set up; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No such client.
    #[error(
        "there is no client `{0}`; known are npm, pnpm, yarn, pip, uv, poetry, twine, maven, gradle"
    )]
    UnknownClient(String),
    /// The gateway's address can't be written into a client's configuration.
    #[error("the gateway's address can't be used: {0}")]
    Base(String),
    /// The repository's name can't stand in an address.
    #[error("`{0}` is no name of a repository; use the one from portcullis.toml")]
    Repository(String),
    /// The scope can't be used.
    #[error("`{scope}` is no scope: {message}")]
    Scope {
        /// As it was given.
        scope: String,
        /// What is the matter.
        message: &'static str,
    },
    /// The user has set something else.
    #[error("{}: {message}", file.display())]
    Conflict {
        /// The file that was left as it is.
        file: PathBuf,
        /// What is in the way and what to do.
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

impl Form {
    /// Whether the file is to be readable by its owner alone.
    pub fn holds_token(&self) -> bool {
        matches!(self, Form::Entries(_) | Form::MavenServer { .. })
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Edit")
            .field("file", &self.file)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// All of them, in the order of the help.
    pub const ALL: [Client; 9] = [
        Client::Npm,
        Client::Pnpm,
        Client::Yarn,
        Client::Pip,
        Client::Uv,
        Client::Poetry,
        Client::Twine,
        Client::Maven,
        Client::Gradle,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Client::Npm => "npm",
            Client::Pnpm => "pnpm",
            Client::Yarn => "yarn",
            Client::Pip => "pip",
            Client::Uv => "uv",
            Client::Poetry => "poetry",
            Client::Twine => "twine",
            Client::Maven => "maven",
            Client::Gradle => "gradle",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Client {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |client: &Client| client.as_str() == text;
        Client::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| SetupError::UnknownClient(text.to_owned()))
    }
}

/// What it takes to make `client` use `repository` of the gateway at `base`.
pub fn plan(
    client: Client,
    base: &str,
    repository: &str,
    surroundings: &Surroundings,
) -> Result<Plan, SetupError> {
    let gateway = gateway(base, repository)?;
    Ok(clients::plan(client, &gateway, surroundings))
}

fn gateway(base: &str, repository: &str) -> Result<clients::Gateway, SetupError> {
    let address = Address::parse(base).map_err(SetupError::Base)?;
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    if address.credentials.is_some() || !address.url.chars().all(harmless) {
        let message = "write it without credentials, quotes and spaces".to_owned();
        return Err(SetupError::Base(message));
    }
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !repository.chars().all(named) || repository.chars().all(|c| c == '.') {
        return Err(SetupError::Repository(repository.to_owned()));
    }
    Ok(clients::Gateway::new(address, repository))
}

#[cfg(test)]
mod tests;
