//! Python packages that are published here: what clients upload (the "legacy" upload API), what
//! stands in it, and the page that is kept of it.
//!
//! Pure: chunks and files come in, events, facts and refusals go out. `form` reads the body as it
//! arrives, `upload` judges its fields against the file's name and digests, `archive` takes the
//! metadata out of the file, `page` writes the project page that `Protocol::read` reads back.
//!
//! ```text
//! let mut reader = UploadReader::new(content_type, limits)?;
//! for chunk in body {
//!     reader.push(chunk);
//!     while let Some(event) = reader.event()? { /* Begin, Bytes, End: write to a file, hash */ }
//! }
//! let upload = Upload::check(&reader.finish()?, &file_name, &content.finish())?;
//! let metadata = archive::metadata(file, &upload, &archive::Limits::default())?;
//! ```

pub mod archive;

mod content;
mod core_metadata;
mod disposition;
mod form;
mod page;
mod path;
mod refused;
mod specifier;
mod tarred;
mod upload;
mod zipped;

pub use content::{ContentDigests, ContentHasher};
pub use core_metadata::CoreMetadata;
pub use form::{Event, Fields, FormLimits, UploadReader};
pub use page::{HostedFile, page, yank};
pub use path::{Write, parse_write};
pub use refused::Refused;
pub use upload::{Filetype, Upload};

#[cfg(test)]
mod tests;
