//! Wheels, and source distributions in `.zip`.
//!
//! Installers read zips in ways that differ where a zip is odd: bytes before or behind it, an entry
//! twice, names with NUL. A file that is one thing to us and another to them is refused here, so
//! the metadata that we serve is the metadata that they install.

use std::io::{self, Read, Seek, SeekFrom};

use zip::read::{ArchiveOffset, Config, ZipReadOptions};
use zip::{CompressionMethod, ZipArchive};

use super::archive::{Limits, read_all};
use super::refused::{Refused, shown};
use super::upload::Upload;

/// The end of central directory record without a comment (APPNOTE 4.3.16), and zip64's locator,
/// which would stand before it (4.3.15).
const END_BYTES: u64 = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
const LOCATOR_BYTES: usize = 20;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";

/// Names, and what is kept of each entry, are held while a zip is open.
const DIRECTORY_BYTES_MAX: u64 = 32 << 20;

/// A metadata file and what it is called.
type Found = (Vec<u8>, &'static str);

/// `METADATA` of the one `.dist-info` folder.
pub(super) fn wheel(
    file: impl Read + Seek,
    upload: &Upload,
    limits: &Limits,
) -> Result<Found, Refused> {
    let mut archive = open(file, limits)?;
    let mut folder: Option<String> = None;
    for name in names(&archive)? {
        let Some((top, _)) = name.split_once('/') else {
            continue;
        };
        if !top.to_ascii_lowercase().ends_with(".dist-info") || folder.as_deref() == Some(top) {
            continue;
        }
        if folder.replace(top.to_string()).is_some() {
            return Err(bad("has two .dist-info folders"));
        }
    }
    let folder = folder.ok_or_else(|| bad("has no .dist-info folder"))?;
    let stem = folder.strip_suffix(".dist-info").unwrap_or_default();
    if !upload.is_spelled(stem) {
        let folder = shown(&folder);
        return Err(bad(&format!(
            "has the folder {folder}, which is not of the version uploaded"
        )));
    }
    let bytes = take(&mut archive, &format!("{folder}/METADATA"), limits)?;
    Ok((bytes, "METADATA in the file"))
}

/// `PKG-INFO` of the one folder that all is in.
pub(super) fn source(
    file: impl Read + Seek,
    upload: &Upload,
    limits: &Limits,
) -> Result<Found, Refused> {
    let mut archive = open(file, limits)?;
    let mut found: Option<String> = None;
    for name in names(&archive)? {
        let Some(top) = name
            .strip_suffix("/PKG-INFO")
            .filter(|top| !top.contains('/'))
        else {
            continue;
        };
        if !upload.is_spelled(top) {
            let top = shown(top);
            return Err(bad(&format!(
                "has the folder {top}, which is not of the version uploaded"
            )));
        }
        if found.replace(name.to_string()).is_some() {
            return Err(bad("has two files PKG-INFO"));
        }
    }
    let name = found.ok_or_else(|| bad("has no PKG-INFO"))?;
    Ok((take(&mut archive, &name, limits)?, "PKG-INFO in the file"))
}

fn open<F: Read + Seek>(mut file: F, limits: &Limits) -> Result<ZipArchive<F>, Refused> {
    check_end(&mut file, limits)?;
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let archive = ZipArchive::with_config(config, file).map_err(|error| no_zip(&error))?;
    if archive.has_duplicate_names() {
        return Err(bad("has an entry twice"));
    }
    Ok(archive)
}

/// Before anything is allocated: the file ends with its directory and the record of it, nothing
/// stands between or behind, and there is not too much of it.
fn check_end(file: &mut (impl Read + Seek), limits: &Limits) -> Result<(), Refused> {
    let cut = |_: io::Error| bad("is no zip, or is cut off");
    let length = file.seek(SeekFrom::End(0)).map_err(cut)?;
    let end_at = length
        .checked_sub(END_BYTES)
        .ok_or_else(|| bad("is no zip"))?;
    let before = end_at.min(LOCATOR_BYTES as u64);
    file.seek(SeekFrom::Start(end_at - before)).map_err(cut)?;
    let mut tail = Vec::with_capacity(LOCATOR_BYTES + END_BYTES as usize);
    file.take(before + END_BYTES)
        .read_to_end(&mut tail)
        .map_err(cut)?;
    let (locator, end) = tail.split_at(before as usize);
    if !end.starts_with(END_MAGIC) || end.get(20..) != Some(&[0, 0]) {
        return Err(bad("is no zip that ends with its directory"));
    }
    let number = |from: usize, length: usize| {
        let bytes = end.get(from..from + length).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (entries, size, start) = (number(10, 2), number(12, 4), number(16, 4));
    if locator.starts_with(LOCATOR_MAGIC) {
        return Err(Refused::unsupported("zip64 files are not taken"));
    }
    if start + size != end_at || number(8, 2) != entries || number(4, 4) != 0 {
        return Err(bad("is no zip that begins and ends with itself"));
    }
    if entries > limits.entries_max as u64 || size > DIRECTORY_BYTES_MAX {
        return Err(bad("has too many entries"));
    }
    Ok(())
}

/// The names of all entries, if they are names to everybody.
fn names<F: Read + Seek>(archive: &ZipArchive<F>) -> Result<Vec<&str>, Refused> {
    let names = archive.file_names_raw().map(|name| {
        let name = std::str::from_utf8(name).map_err(|_| bad("has a name that is not UTF-8"))?;
        if name.contains(['\0', '\\']) || name.starts_with('/') || has_dots(name) {
            let name = shown(name);
            return Err(bad(&format!("has the illegal entry {name}")));
        }
        Ok(name)
    });
    names.collect()
}

fn has_dots(name: &str) -> bool {
    name.split('/').any(|part| part == "." || part == "..")
}

/// Unpacks one entry, whose own header must say what the directory says.
fn take<F: Read + Seek>(
    archive: &mut ZipArchive<F>,
    name: &str,
    limits: &Limits,
) -> Result<Vec<u8>, Refused> {
    let place = archive.index_for_name_raw(name.as_bytes());
    let place = place.ok_or_else(|| bad(&format!("has no {}", shown(name))))?;
    let options = ZipReadOptions::new().enforce_header_consistency(true);
    let entry = archive
        .by_index_with_options(place, options)
        .map_err(|error| no_zip(&error))?;
    let plain = [CompressionMethod::Stored, CompressionMethod::Deflated];
    if entry.encrypted() || !entry.is_file() || !plain.contains(&entry.compression()) {
        let name = shown(name);
        return Err(bad(&format!(
            "has {name} encrypted, or packed in an unusual way"
        )));
    }
    read_all(entry, limits, |why| {
        bad(&format!("can't be unpacked: {why}"))
    })
}

fn no_zip(error: &zip::result::ZipError) -> Refused {
    bad(&format!("is no zip that can be read: {error}"))
}

fn bad(why: &str) -> Refused {
    Refused::contradictory(format!("the file {why}"))
}
