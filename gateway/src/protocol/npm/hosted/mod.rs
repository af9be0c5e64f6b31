//! npm packages that are published here: what clients send, and the document made of it.
//!
//! A translator only, as the rest of npm is: bodies come in as chunks and go out as values. It
//! keeps nothing, asks nobody, and decides only whether a body is what it says it is.
//!
//! A `PUT` of a package goes through a [`PublishReader`]; what comes out with a tarball is checked
//! into a [`Publication`], what comes out without one is an [`Edit`]. [`packument`] writes the
//! document of what is kept, as an upstream would send it.

mod base64;
mod edit;
mod lexer;
mod packument;
mod path;
mod problem;
mod provenance;
mod publication;
mod publish;
mod tag;
mod tarball;
mod text;

pub use edit::{Deprecation, Edit};
pub use packument::{HostedFile, HostedPackage, HostedVersion, packument};
pub use path::{Write, parse_write};
pub use problem::{Problem, Status};
pub use provenance::attestations;
pub use publication::{Access, Decoded, FileBody, Publication, PublishedFile};
pub use publish::{Attachment, Broken, PublishLimits, PublishReader, Sink, Upload};
pub use tag::tag_target;
pub use tarball::{Contents, TarballLimits, contents};

#[cfg(test)]
mod tests;
