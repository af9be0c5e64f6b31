//! What can be wrong with an authority: each error names the file and what to do. None repeats what a file holds.

use std::io;
use std::path::PathBuf;

/// An authority that can't be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Creating over one that exists.
    #[error(
        "{} exists: an authority is created once, because clients trust it; run `portcullis authority rotate` \
         for a successor", .0.display()
    )]
    Exists(PathBuf),
    /// There is none.
    #[error("there is no authority: {} is missing; run `portcullis authority create`", .0.display())]
    Missing(PathBuf),
    /// The disk or its permissions.
    #[error("{attempt} {} failed: {source}; the gateway's user must own it", file.display())]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// With which file.
        file: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// The key can be read by others.
    #[error(
        "others on this machine may read the key in {0} (mode {1:03o}); run `chmod 600 {0}`, and \
         `portcullis authority rotate` if it was shared", file.display(), mode
    )]
    Shared {
        /// The key.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file that holds something else.
    #[error(
        "{} can't be used: {problem}; restore it, or remove the folder and run `portcullis authority create`",
        file.display()
    )]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Key and certificate don't belong together.
    #[error(
        "the key in {} is not the one of the certificate in {}; restore both from the same backup, or remove both \
         and run `portcullis authority create`", key.display(), certificate.display()
    )]
    Mismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// The cross certificate is another authority's.
    #[error(
        "{} is not a second certificate of the authority in {}; remove it", cross.display(), certificate.display()
    )]
    Cross {
        /// The cross certificate.
        cross: PathBuf,
        /// The authority's.
        certificate: PathBuf,
    },
    /// The certificate's time is over.
    #[error(
        "the authority in {} expired on {day}; run `portcullis authority rotate`, then \
         `portcullis authority trust` on the clients", file.display()
    )]
    Expired {
        /// The certificate.
        file: PathBuf,
        /// When.
        day: String,
    },
    /// The certificate's time has not come.
    #[error("the authority in {} is valid from {day} on; correct this machine's clock", file.display())]
    Early {
        /// The certificate.
        file: PathBuf,
        /// From when on.
        day: String,
    },
    /// A name that no certificate is made for.
    #[error("no certificate can be made for `{host}`: {problem}")]
    Host {
        /// The name.
        host: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Terms that make no authority.
    #[error("{0}")]
    Terms(&'static str),
    /// A host that the gateway doesn't open.
    #[error(
        "`{0}` is not among the hosts whose connections are opened; add it to the repository's `hosts`"
    )]
    Unlisted(String),
    /// A host that the authority was not made for.
    #[error(
        "the authority in {} was not made for `{host}`, clients would refuse it; run `portcullis authority rotate`",
        file.display()
    )]
    Beyond {
        /// The host.
        host: String,
        /// The certificate.
        file: PathBuf,
    },
    /// The machine can't: no randomness, or a library's limit.
    #[error("a certificate could not be signed: {0}; report it")]
    Signing(String),
}
