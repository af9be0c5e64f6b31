//! Source distributions in `.tar.gz` (PEP 625, POSIX.1-1988 and -2001, GNU's long names).
//!
//! The entries are stepped through as they come, extended headers bounded like everything else.

use std::io::{BufReader, Read, Seek};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::archive::{Bounded, Limits, read_all};
use super::refused::{Refused, shown};
use super::upload::Upload;

/// Longest name in an extended header.
const EXTENDED_BYTES_MAX: u64 = 64 << 10;

/// `PKG-INFO` of the one folder that all is in, and what it is called.
pub(super) fn source(
    file: impl Read + Seek,
    upload: &Upload,
    limits: &Limits,
) -> Result<(Vec<u8>, &'static str), Refused> {
    let unpacked = MultiGzDecoder::new(BufReader::new(file));
    let mut archive = Archive::new(Bounded::new(unpacked, limits.unpacked_bytes_max));
    let found = find(&mut archive, upload, limits);
    if archive.into_inner().over {
        let limit = limits.unpacked_bytes_max;
        let why = format!("the file unpacks to more than the limit of {limit} bytes");
        return Err(Refused::too_large(why));
    }
    let bytes = found?.ok_or_else(|| bad("has no PKG-INFO"))?;
    Ok((bytes, "PKG-INFO in the file"))
}

fn find(
    archive: &mut Archive<impl Read>,
    upload: &Upload,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, Refused> {
    let mut found = None;
    let mut long_name = None;
    // Raw: the reader of the library would hold an extended header of any size.
    let entries = archive.entries().map_err(|error| no_tar(&error))?.raw(true);
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|error| no_tar(&error))?;
        if count >= limits.entries_max {
            return Err(bad("has too many entries"));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => long_name = Some(gnu_name(&mut entry)?),
            EntryType::XHeader => long_name = pax_name(&mut entry)?.or(long_name),
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            kind => {
                let name = match long_name.take() {
                    Some(name) => name,
                    None => entry.path_bytes().into_owned(),
                };
                if !is_metadata(&name, upload)? {
                    continue;
                }
                if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
                    return Err(bad("has a PKG-INFO that is no plain file"));
                }
                let bytes = read_all(entry, limits, |why| {
                    bad(&format!("can't be unpacked: {why}"))
                })?;
                if found.replace(bytes).is_some() {
                    return Err(bad("has two files PKG-INFO"));
                }
            }
        }
    }
    Ok(found)
}

/// Whether this is the one at the top, in a folder named after the version.
fn is_metadata(name: &[u8], upload: &Upload) -> Result<bool, Refused> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let Some(top) = name
        .strip_suffix(b"/PKG-INFO")
        .filter(|top| !top.contains(&b'/'))
    else {
        return Ok(false);
    };
    let top = std::str::from_utf8(top).unwrap_or_default();
    if !upload.is_spelled(top) {
        let top = shown(top);
        return Err(bad(&format!(
            "has the folder {top}, which is not of the version uploaded"
        )));
    }
    Ok(true)
}

/// GNU's way: the name is the body of an entry in front, ended by NUL.
fn gnu_name(entry: &mut Entry<'_, impl Read>) -> Result<Vec<u8>, Refused> {
    let mut name = extended(entry)?;
    name.truncate(
        name.iter()
            .position(|byte| *byte == 0)
            .unwrap_or(name.len()),
    );
    Ok(name)
}

/// POSIX's way: records `length key=value` in an entry in front.
fn pax_name(entry: &mut Entry<'_, impl Read>) -> Result<Option<Vec<u8>>, Refused> {
    let records = extended(entry)?;
    let mut name = None;
    for record in PaxExtensions::new(&records) {
        let record = record.map_err(|error| no_tar(&error))?;
        match record.key_bytes() {
            b"path" => name = Some(record.value_bytes().to_vec()),
            // The next header's own size would not be true, and all behind it be read amiss.
            b"size" => return Err(bad("has an entry of many gigabytes")),
            key if key.starts_with(b"GNU.sparse.") => return Err(bad("has a sparse entry")),
            _ => {}
        }
    }
    Ok(name)
}

fn extended(entry: &mut Entry<'_, impl Read>) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    let read = entry.take(EXTENDED_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| no_tar(&error))?;
    if bytes.len() as u64 > EXTENDED_BYTES_MAX {
        return Err(bad("has an extended header that is too long"));
    }
    Ok(bytes)
}

fn no_tar(error: &std::io::Error) -> Refused {
    bad(&format!("is no tar.gz that can be read: {error}"))
}

fn bad(why: &str) -> Refused {
    Refused::contradictory(format!("the file {why}"))
}
