//! A file that somebody publishes under an address, such as a feed of advisories: the newest copy is kept on disk and
//! asked for anew with the conditions that its last answer gave (RFC 9110 §13.1).
//!
//! A copy takes the place of the one before only when `check` can read it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use http::header;
use rules::Ecosystem;
use url::Url;

use super::upstream::{
    Conditions, Fault, FaultKind, Fetched, Fetcher, Network, Responded, Upstream,
};
use crate::bounds::Pace;
use crate::config::{self, Limits, Remote, Source};

/// What asking brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Another copy is on the disk now.
    Changed,
    /// The copy on the disk is still the newest.
    Unchanged,
}

/// Why there is no new copy. The one before, if any, is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum NoNews {
    /// It could not be had.
    #[error("{url} can't be fetched: {detail}")]
    Fetch { url: String, detail: String },
    /// It could not be read.
    #[error("what {url} sent can't be used: {detail}")]
    Unusable { url: String, detail: String },
    /// It could not be kept.
    #[error("{path} can't be written: {source}")]
    Disk { path: PathBuf, source: io::Error },
}

/// An address and where its newest copy is kept.
pub struct Subscription<'a> {
    pub remote: &'a Remote,
    pub file: PathBuf,
    pub network: &'a Arc<Network>,
    pub limits: &'a Limits,
    /// The largest copy, in bytes.
    pub bytes_max: u64,
    /// Whether a copy can be read; the text says why not. Blocks.
    pub check: fn(&Path) -> Result<(), String>,
}

/// What the last answer said of its copy.
#[derive(Default)]
struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Subscription<'_> {
    /// Asks for news.
    pub async fn refresh(&self) -> Result<News, NoNews> {
        let known = Validators::beside(&self.file);
        let fetched = self
            .fetch(&known)
            .await
            .map_err(|fault| self.failed(fault.detail))?;
        match fetched {
            Fetched::NotModified(_) => Ok(News::Unchanged),
            Fetched::Absent => Err(self.failed("there is nothing at this address".to_owned())),
            Fetched::Body(responded) => self.keep(responded).await,
        }
    }

    async fn fetch(&self, known: &Validators) -> Result<Fetched, Fault> {
        let nowhere = |error: &dyn ToString| Fault::new(FaultKind::Content, error.to_string());
        let url = Url::parse(&self.remote.url).map_err(|error| nowhere(&error))?;
        let settings = config::Upstream {
            id: "subscription".to_owned(),
            // Nothing that is done here looks at it.
            ecosystem: Ecosystem::Npm,
            url: self.remote.url.clone(),
            hosts: Vec::new(),
            credentials: None,
            allow_private: self.remote.allow_private,
            source: Source::Configuration,
        };
        let upstream =
            Upstream::new(settings, self.limits).ok_or_else(|| nowhere(&"no address"))?;
        let fetcher = Fetcher {
            network: self.network,
            upstream: &Arc::new(upstream),
            limits: self.limits,
            metrics: None,
            same_thing: &|_| true,
        };
        let conditions = Conditions {
            if_none_match: known.etag.clone(),
            if_modified_since: known.last_modified.clone(),
            ..Conditions::default()
        };
        fetcher.fetch(url, &conditions).await
    }

    async fn keep(&self, responded: Responded) -> Result<News, NoNews> {
        let disk = |source| NoNews::Disk {
            path: self.file.clone(),
            source,
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(disk)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let arriving = folder.join(format!("arriving-{name}"));
        let validators = Validators::of(&responded);
        self.receive(responded, &arriving).await?;
        let (check, copy) = (self.check, arriving.clone());
        let checked = tokio::task::spawn_blocking(move || check(&copy)).await;
        if let Err(detail) = checked.unwrap_or_else(|error| Err(error.to_string())) {
            let _ = fs::remove_file(&arriving);
            let url = self.remote.url.clone();
            return Err(NoNews::Unusable { url, detail });
        }
        // Without validators the copy is merely fetched again; with those of another one it never would be.
        let _ = fs::remove_file(validators_file(&self.file));
        fs::rename(&arriving, &self.file).map_err(disk)?;
        validators.write_beside(&self.file).map_err(disk)?;
        Ok(News::Changed)
    }

    async fn receive(&self, mut responded: Responded, arriving: &Path) -> Result<(), NoNews> {
        let disk = |source| NoNews::Disk {
            path: arriving.to_owned(),
            source,
        };
        let mut file = fs::File::create(arriving).map_err(disk)?;
        let mut pace = Pace::new(self.limits.minimum_rate);
        let mut received = 0;
        loop {
            let begun = Instant::now();
            let chunk = responded
                .next()
                .await
                .map_err(|fault| self.failed(fault.detail))?;
            let Some(chunk) = chunk else { break };
            received += chunk.len() as u64;
            if received > self.bytes_max {
                let limit = self.bytes_max;
                return Err(self.failed(format!("it is larger than {limit} bytes")));
            }
            if !pace.keep(chunk.len() as u64, begun.elapsed()) {
                return Err(self.failed("it sends too slowly".to_owned()));
            }
            file.write_all(&chunk).map_err(disk)?;
        }
        file.sync_all().map_err(disk)
    }

    fn failed(&self, detail: String) -> NoNews {
        let url = self.remote.url.clone();
        NoNews::Fetch { url, detail }
    }
}

fn validators_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".validators");
    name.into()
}

impl Validators {
    fn of(responded: &Responded) -> Self {
        let field = |name| responded.field(name).map(str::to_owned);
        Self {
            etag: field(header::ETAG),
            last_modified: field(header::LAST_MODIFIED),
        }
    }

    /// Two lines: the entity tag and the date, either may be empty.
    fn beside(file: &Path) -> Self {
        if !file.is_file() {
            return Self::default();
        }
        let text = fs::read_to_string(validators_file(file)).unwrap_or_default();
        let mut lines = text
            .lines()
            .map(|line| Some(line.to_owned()).filter(|it| !it.is_empty()));
        Self {
            etag: lines.next().flatten(),
            last_modified: lines.next().flatten(),
        }
    }

    fn write_beside(&self, file: &Path) -> io::Result<()> {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let lines = format!("{}\n{}\n", text(&self.etag), text(&self.last_modified));
        fs::write(validators_file(file), lines)
    }
}
