//! Generic packages: files of any kind under a namespace, a name and a version, with nothing but
//! HTTP as their client.
//!
//! | request below `/generic/<repository>` | meaning |
//! |---|---|
//! | `PUT /<namespace>/<name>/<version>/<asset>` | upload; the SHA-256 must be in a field |
//! | `GET`, `HEAD`, `DELETE` of the same | the file; deletion only while unfinished |
//! | `POST /<namespace>/<name>/<version>/?finish` | publish the version, now immutable |
//! | `GET`, `HEAD /<namespace>/<name>/` | every version with its assets (JSON) |
//! | `GET`, `HEAD`, `DELETE /<namespace>/<name>/<version>/` | one version; drop the whole |
//!
//! Decided so: the namespace is mandatory, since rules speak of namespaces. A listing's address
//! ends with a slash and a file's does not, so that neither can be taken for the other. Assets may
//! be added and removed only while the version is `Unfinished`; the first upload makes it. An
//! unfinished version is seen by those who may publish it and by nobody else. The same bytes again
//! succeed, other bytes are a conflict (409). Finishing is a request of its own, not a status
//! field: it needs no body, `curl -X POST` is enough, it may be repeated, and one that names no
//! asset fails.
//!
//! The digest is wanted before the body, so that a truncated or changed upload never becomes a
//! file: `X-Checksum-Sha256` (hexadecimal), `Repr-Digest` or `Content-Digest` (RFC 9530), or
//! `Digest` (RFC 3230). Several must agree. Not here: bytes, who may do it, and what is kept.

mod digest;
mod listing;
mod path;
mod upload;

pub use digest::{DigestFault, sha256};
pub use listing::{Asset, Release, Status, package_listing, release_listing};
pub use path::{Address, Request, parse};
pub use upload::{Change, Conflict, delete, finish, put};

#[cfg(test)]
mod tests;
