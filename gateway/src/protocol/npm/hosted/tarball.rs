//! What an npm tarball says of itself: the `package.json` below its first folder.
//!
//! Reads as `npm install` unpacks (node-tar with `strip: 1`): the first folder may have any name,
//! names with `..` and anything but files are passed over. Whatever could be read in two ways is
//! refused, and everything is bounded.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use tar::{Archive, Entry, EntryType};

use super::problem::Problem;

/// A long name or an extended header (POSIX pax) is never longer in an honest tarball.
const EXTENSION_BYTES_MAX: u64 = 256 * 1024;
const PATH_BYTES_MAX: usize = 4096;

/// How much of a tarball is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TarballLimits {
    /// Files, folders and everything else.
    pub entries_max: u64,
    /// Of the whole archive.
    pub inflated_bytes_max: u64,
    /// Folders in a name.
    pub path_depth_max: usize,
    /// Of `package.json`.
    pub manifest_bytes_max: u64,
}

/// What stands in a tarball.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The `name` in `package.json`.
    pub name: String,
    /// The `version` in it.
    pub version: String,
    /// The whole of it.
    pub manifest: Map<String, Value>,
    /// How many files there are: `dist.fileCount`.
    pub file_count: u64,
    /// How large they are: `dist.unpackedSize`.
    pub unpacked_size: u64,
}

/// Reads a gzipped tar archive (POSIX 1003.1 ustar and pax, GNU long names) to its end.
pub fn contents(reader: impl Read, limits: TarballLimits) -> Result<Contents, Problem> {
    let mut bounded = Bounded {
        inner: MultiGzDecoder::new(reader),
        left: limits.inflated_bytes_max,
        exhausted: false,
    };
    let walked = walk(&mut bounded, limits);
    if bounded.exhausted {
        let limit = limits.inflated_bytes_max;
        return Err(Problem::too_large(format!(
            "the tarball unpacks to more than {limit} bytes"
        )));
    }
    let found = walked?;
    let manifest = found.manifest.ok_or_else(|| {
        Problem::contradictory("the tarball holds no package.json below its first folder")
    })?;
    let manifest = parse(&manifest)?;
    let text = |field: &str| match manifest.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(Problem::contradictory(format!(
            "the tarball's package.json has no {field}"
        ))),
    };
    Ok(Contents {
        name: text("name")?,
        version: text("version")?,
        file_count: found.file_count,
        unpacked_size: found.unpacked_size,
        manifest,
    })
}

/// What a walk over the entries has found.
#[derive(Debug, Default)]
struct Found {
    manifest: Option<Vec<u8>>,
    file_count: u64,
    unpacked_size: u64,
}

/// Reads no more than it may.
struct Bounded<R> {
    inner: R,
    left: u64,
    exhausted: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => self.left = left,
            None => {
                self.exhausted = true;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(length)
    }
}

/// Goes over the entries as they are written: the extensions are read here, since the library
/// would take them at any length.
fn walk(reader: &mut impl Read, limits: TarballLimits) -> Result<Found, Problem> {
    let mut archive = Archive::new(&mut *reader);
    let mut found = Found::default();
    let mut long_name: Option<Vec<u8>> = None;
    let mut count = 0_u64;
    for entry in archive.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        count += 1;
        if count > limits.entries_max {
            let limit = limits.entries_max;
            return Err(Problem::too_large(format!(
                "the tarball has more than {limit} entries"
            )));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = extension(&mut entry)?;
                let end = name.iter().position(|byte| *byte == 0);
                name.truncate(end.unwrap_or(name.len()));
                long_name = Some(name);
            }
            EntryType::XHeader => long_name = extended_path(&extension(&mut entry)?)?.or(long_name),
            EntryType::XGlobalHeader => {
                if extended_path(&extension(&mut entry)?)?.is_some() {
                    let text = "the tarball gives all its files one name";
                    return Err(Problem::contradictory(text));
                }
            }
            EntryType::GNULongLink => drop(extension(&mut entry)?),
            EntryType::Regular | EntryType::Continuous => {
                let path = long_name.take();
                let path = path.unwrap_or_else(|| entry.path_bytes().into_owned());
                file(&path, &mut entry, limits, &mut found)?;
            }
            _ => long_name = None,
        }
    }
    ends(reader)?;
    Ok(found)
}

/// Behind the archive there may only be padding: clients read on behind a single empty block.
fn ends(reader: &mut impl Read) -> Result<(), Problem> {
    let mut buffer = [0; 8 * 1024];
    loop {
        let length = reader.read(&mut buffer).map_err(unreadable)?;
        if length == 0 {
            return Ok(());
        }
        if buffer[..length].iter().any(|byte| *byte != 0) {
            let text = "the tarball has something behind its end";
            return Err(Problem::contradictory(text));
        }
    }
}

fn file(
    path: &[u8],
    entry: &mut Entry<'_, impl Read>,
    limits: TarballLimits,
    found: &mut Found,
) -> Result<(), Problem> {
    let deep = path.iter().filter(|byte| **byte == b'/').count() > limits.path_depth_max;
    if deep || path.len() > PATH_BYTES_MAX {
        return Err(Problem::contradictory(
            "the tarball has a file whose path is too long or too deep",
        ));
    }
    let size = entry.header().size().map_err(unreadable)?;
    found.file_count += 1;
    found.unpacked_size = found.unpacked_size.saturating_add(size);
    if !is_manifest(path) {
        return Ok(());
    }
    if found.manifest.is_some() {
        let text = "the tarball holds two files that unpack to package.json";
        return Err(Problem::contradictory(text));
    }
    let limit = limits.manifest_bytes_max;
    if size > limit {
        return Err(Problem::too_large(format!(
            "the tarball's package.json is larger than {limit} bytes"
        )));
    }
    let mut bytes = Vec::new();
    entry
        .by_ref()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    found.manifest = Some(bytes);
    Ok(())
}

/// Whether a client would unpack the file as `package.json` at the root of the package.
fn is_manifest(path: &[u8]) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    let mut parts = path.split(is_separator);
    // The first part goes, whatever it is.
    if parts.next().is_none() {
        return false;
    }
    let mut rest = parts.filter(|part| !matches!(*part, b"" | b"."));
    rest.next() == Some(b"package.json") && rest.next().is_none()
}

fn extension(entry: &mut Entry<'_, impl Read>) -> Result<Vec<u8>, Problem> {
    let size = entry.header().size().map_err(unreadable)?;
    if size > EXTENSION_BYTES_MAX {
        return Err(Problem::contradictory(
            "the tarball has an extended header that is too long",
        ));
    }
    let mut bytes = Vec::new();
    entry
        .by_ref()
        .take(EXTENSION_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// The `path` of an extended header: records of `<length> <key>=<value>\n`. A `size` in it would
/// make others read other files than we do.
fn extended_path(mut records: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
    let wrong = || Problem::contradictory("the tarball has an extended header that is broken");
    let mut path = None;
    while let Some(first) = records.first()
        && *first != 0
    {
        let space = records.iter().position(|byte| *byte == b' ');
        let digits = space.and_then(|space| std::str::from_utf8(&records[..space]).ok());
        let length: Option<usize> = digits.and_then(|digits| digits.parse().ok());
        let (Some(space), Some(length)) = (space, length) else {
            return Err(wrong());
        };
        let record = records.get(space + 1..length).ok_or_else(wrong)?;
        let record = record.strip_suffix(b"\n").ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=');
        let (key, value) = record.split_at(equals.ok_or_else(wrong)?);
        match key {
            b"path" => path = Some(value[1..].to_vec()),
            b"size" => return Err(wrong()),
            _ => {}
        }
        records = &records[length..];
    }
    Ok(path)
}

fn parse(manifest: &[u8]) -> Result<Map<String, Value>, Problem> {
    // npm itself passes over a byte order mark.
    let manifest = manifest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(manifest);
    serde_json::from_slice(manifest).map_err(|error| {
        Problem::contradictory(format!(
            "the tarball's package.json is no JSON object: {error}"
        ))
    })
}

fn unreadable(error: io::Error) -> Problem {
    Problem::contradictory(format!("the tarball is no gzipped tar archive: {error}"))
}
