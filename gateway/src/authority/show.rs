//! What there is to know about an authority, for the terminal. The key is not looked at.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rules::moment;

use super::files::Folder;
use super::{AuthorityError, succession};

/// An authority in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its distinguished name.
    pub subject: String,
    /// SHA-256 of the certificate, in pairs of hexadecimal digits.
    pub fingerprint: String,
    /// The hosts that it may sign for.
    pub hosts: Vec<String>,
    /// Its first moment.
    pub not_before: SystemTime,
    /// Its last.
    pub not_after: SystemTime,
    /// Whole days until it expires; 0 on the last day, less than 0 if it has expired.
    pub days_left: i64,
    /// The certificate that clients are to trust.
    pub file: PathBuf,
    /// Whether its predecessor vouches for it, so that clients which trust that need nothing yet.
    pub cross: bool,
}

/// Tells about the authority in `folder`, also if it has expired.
pub fn show(folder: &Path, now: SystemTime) -> Result<Summary, AuthorityError> {
    summary(&Folder::read(folder)?, now)
}

pub(super) fn summary(folder: &Folder, now: SystemTime) -> Result<Summary, AuthorityError> {
    let names = succession::in_force(folder);
    let certificate = folder.certificate(names.certificate)?;
    let cross = names
        .cross
        .map(|name| folder.certificate(name))
        .transpose()?;
    Ok(Summary {
        fingerprint: certificate.fingerprint(),
        days_left: days_between(now, certificate.not_after),
        cross: cross.is_some_and(|cross| cross.check(now).is_ok()),
        subject: certificate.subject,
        hosts: certificate.hosts,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        file: certificate.file,
    })
}

fn days_between(now: SystemTime, then: SystemTime) -> i64 {
    let days = |seconds: u64| i64::try_from(seconds / 86_400).unwrap_or(i64::MAX);
    match then.duration_since(now) {
        Ok(left) => days(left.as_secs()),
        Err(past) => -1 - days(past.duration().as_secs()),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "subject      {}", self.subject)?;
        writeln!(out, "fingerprint  {}", self.fingerprint)?;
        for (index, host) in self.hosts.iter().enumerate() {
            let title = if index == 0 { "hosts" } else { "" };
            writeln!(out, "{title:<12} {host}")?;
        }
        writeln!(out, "from         {} UTC", moment::show(self.not_before))?;
        let left = match self.days_left {
            ..=-1 => "expired; run `portcullis authority rotate`".to_owned(),
            0 => "less than a day left".to_owned(),
            1 => "1 day left".to_owned(),
            days => format!("{days} days left"),
        };
        writeln!(
            out,
            "until        {} UTC, {left}",
            moment::show(self.not_after)
        )?;
        let cross = if self.cross {
            "the predecessor vouches for it"
        } else {
            "none"
        };
        writeln!(out, "cross        {cross}")?;
        write!(out, "certificate  {}", self.file.display())
    }
}
