//! Records in a zip: every `.json` file in it.
//!
//! Entries are taken out packed and unpacked by the threads that read them. What the directory of
//! a zip claims is not believed: each record is cut off at its bound as it is unpacked, all
//! together at theirs, so entries that share their bytes gain nothing.

use std::io::{Read, Seek};

use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::inflate::Packing;
use super::load::{Intake, read_bounded};
use super::{FeedError, RECORDS_MAX};

/// Finds the files of a zip. One that can't be unpacked is a problem.
pub(super) fn find(zip: impl Read + Seek, intake: &mut Intake<'_>) -> Result<(), FeedError> {
    let mut archive = ZipArchive::new(zip)?;
    if archive.len() > RECORDS_MAX {
        return Err(FeedError::TooLarge {
            what: "records",
            bound: RECORDS_MAX as u64,
        });
    }
    for index in 0..archive.len() {
        let entry = format!("entry {index}");
        match archive.by_index_raw(index) {
            Ok(file) => take(file, &entry, intake)?,
            Err(error) => intake.problem(&entry, error.to_string()),
        }
    }
    Ok(())
}

fn take(
    file: ZipFile<'_, impl Read>,
    entry: &str,
    intake: &mut Intake<'_>,
) -> Result<(), FeedError> {
    let name = match file.name() {
        Ok(name) => name.into_owned(),
        Err(error) => {
            intake.problem(entry, error.to_string());
            return Ok(());
        }
    };
    if !file.is_file() || !name.ends_with(".json") {
        return Ok(());
    }
    let crc = file.crc32();
    let packing = match file.compression() {
        _ if file.encrypted() => None,
        CompressionMethod::Stored => Some(Packing::Stored { crc }),
        CompressionMethod::Deflated => Some(Packing::Deflated {
            crc,
            unpacked_bytes: file.size(),
        }),
        _ => None,
    };
    let Some(packing) = packing else {
        intake.problem(
            &name,
            "is encrypted, or packed in an unusual way".to_owned(),
        );
        return Ok(());
    };
    let read = |buffer: &mut Vec<u8>| read_bounded(file, buffer);
    let read = intake.record(name.clone(), packing, read)?;
    match read {
        Ok(0) => intake.problem(&name, "is empty".to_owned()),
        Ok(_bytes) => {}
        Err(error) => intake.problem(&name, error.to_string()),
    }
    Ok(())
}
