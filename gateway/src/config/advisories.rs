//! `[advisories]`: where OSV records come from, how often that is asked, and how old they may get.

use std::path::{Path, PathBuf};

use rules::Age;
use sha2::{Digest, Sha256};
use url::Url;

use super::file::AdvisoriesEntry;
use super::problem::Findings;
use super::upstream::Address;

/// Where advisories are read from, and how old they may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisories {
    /// Folders, zips and files of JSON lines (OSV), or addresses of the latter two.
    pub sources: Vec<FeedSource>,
    /// How often addresses are asked for news.
    pub poll: Age,
    /// A feed whose newest record is older than this shows in health.
    pub max_age: Age,
}

/// Where a feed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// On this machine.
    Local(PathBuf),
    /// Somewhere else; the newest copy is kept in the data folder.
    Remote(Remote),
}

/// A file that somebody publishes under an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// http or https, without credentials and fragment.
    pub url: String,
    /// Whether its name may resolve to loopback or private addresses: it says so itself.
    pub allow_private: bool,
}

impl FeedSource {
    /// Reads a source as written; the message says what to write instead.
    pub fn parse(written: &str) -> Result<Self, String> {
        if !written.contains("://") {
            return Ok(Self::Local(PathBuf::from(written)));
        }
        Remote::parse(written).map(Self::Remote)
    }

    /// The file or folder that is read.
    pub fn file(&self, data: &Path) -> PathBuf {
        match self {
            Self::Local(path) => path.clone(),
            Self::Remote(remote) => remote.file(data),
        }
    }
}

impl Remote {
    /// Checks an address; the message says what to write instead.
    pub fn parse(written: &str) -> Result<Self, String> {
        let without_query = written.split(['?', '#']).next().unwrap_or_default();
        let address = Address::parse(without_query)?;
        if address.credentials.is_some() || written.contains('#') {
            return Err("such an address has no credentials and no fragment; remove them".into());
        }
        let url = Url::parse(written).map_err(|error| format!("this is no address: {error}"))?;
        Ok(Self {
            url: url.into(),
            allow_private: address.is_loopback() || address.is_private(),
        })
    }

    /// Where its newest copy is kept. The ending tells the reader of the file what it is.
    pub fn file(&self, data: &Path) -> PathBuf {
        let digest = Sha256::digest(self.url.as_bytes());
        let name: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = self.url.split('?').next().unwrap_or_default();
        let ending = if path.ends_with(".zip") {
            "zip"
        } else {
            "json"
        };
        data.join("feeds").join(format!("{name}.{ending}"))
    }
}

impl Advisories {
    /// The addresses among the sources.
    pub fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.sources.iter().filter_map(|source| match source {
            FeedSource::Local(_) => None,
            FeedSource::Remote(remote) => Some(remote),
        })
    }

    /// The files and folders that are read.
    pub fn files(&self, data: &Path) -> Vec<PathBuf> {
        let files = self.sources.iter();
        files.map(|source| source.file(data)).collect()
    }
}

/// Completes what was written.
pub(super) fn lower(written: AdvisoriesEntry, findings: &mut Findings<'_>) -> Advisories {
    let mut sources = Vec::with_capacity(written.sources.len());
    for source in &written.sources {
        match FeedSource::parse(source) {
            Ok(source) => sources.push(source),
            Err(message) => findings.report(&["advisories", "sources"], message),
        }
    }
    Advisories {
        sources,
        poll: written.poll.unwrap_or(Age::hours(1)),
        max_age: written.max_age.unwrap_or(Age::days(7)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_files_or_addresses() {
        let data = Path::new("data");
        let local = FeedSource::parse("osv/npm.zip").unwrap();
        assert_eq!(local.file(data), Path::new("osv/npm.zip"));
        for (written, ending, private) in [
            ("https://feeds.test/npm/all.zip", "zip", false),
            ("http://127.0.0.1:1/lines.jsonl?day=1", "json", true),
        ] {
            let FeedSource::Remote(remote) = FeedSource::parse(written).unwrap() else {
                panic!("{written}")
            };
            assert_eq!((&*remote.url, remote.allow_private), (written, private));
            let file = remote.file(data);
            assert!(file.starts_with("data/feeds"));
            assert_eq!(file.extension().unwrap(), ending);
        }
        for bad in [
            "ftp://feeds.test/x",
            "https://me:secret@feeds.test/x",
            "https://feeds.test/x#y",
        ] {
            let message = FeedSource::parse(bad).unwrap_err();
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
