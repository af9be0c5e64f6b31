use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::archive::{ArchiveError, Limits, metadata};
use super::super::{CoreMetadata, Fields, Filetype, Upload};
use super::{RECORDED, checked, recorded};

const METADATA: &str = "Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0\n\nText\n";
const INFO: &str = "demo_pkg-1.0.dist-info/METADATA";

const LIMITS: Limits = Limits {
    metadata_bytes_max: 10_000,
    unpacked_bytes_max: 1_000_000,
    entries_max: 20,
};

fn upload(filetype: Filetype) -> Upload {
    let (stated, file) = match filetype {
        Filetype::Wheel => ("bdist_wheel", "demo_pkg-1.0.0-py3-none-any.whl"),
        Filetype::SdistTar => ("sdist", "demo_pkg-1.0.0.tar.gz"),
        Filetype::SdistZip => ("sdist", "demo_pkg-1.0.0.zip"),
    };
    let fields = Fields::of(&[
        (":action", "file_upload"),
        ("name", "demo-pkg"),
        ("version", "1.0"),
        ("filetype", stated),
    ]);
    Upload::read(&fields, file).unwrap()
}

fn take(filetype: Filetype, file: &[u8]) -> Result<CoreMetadata, ArchiveError> {
    metadata(Cursor::new(file), &upload(filetype), &LIMITS)
}

fn refused(filetype: Filetype, file: &[u8]) -> (u16, String) {
    match take(filetype, file) {
        Err(ArchiveError::Refused(refused)) => (refused.status(), refused.to_string()),
        other => panic!("{other:?}"),
    }
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn tar(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    let mut archive = Builder::new(gzip);
    for (name, kind, text) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(text.len() as u64);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A record of an extended header, which states its own length.
fn pax(record: &str) -> String {
    let mut length = record.len() + 2;
    while format!("{length} {record}\n").len() != length {
        length += 1;
    }
    format!("{length} {record}\n")
}

/// Puts bytes in place of others of the same length, `count` times from the front.
fn patched(file: &[u8], from: &str, to: &str, count: usize) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut file = file.to_vec();
    for _ in 0..count {
        let mut windows = file.windows(from.len());
        let place = windows
            .position(|window| window == from.as_bytes())
            .unwrap();
        file[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    file
}

#[test]
fn metadata_of_recorded_uploads_is_found() {
    for (client, body, _) in RECORDED {
        let form = recorded(body);
        let upload = checked(&form).unwrap();
        let limits = Limits::default();
        let found = metadata(Cursor::new(&form.content), &upload, &limits).unwrap();
        assert_eq!(
            (&*found.name, &*found.version),
            ("Demo.Pkg", "1.0.0+local.1"),
            "{client}"
        );
        assert_eq!(found.requires_python.as_deref(), Some(">=3.8"));
        assert!(found.bytes.starts_with(b"Metadata-Version: 2.1\n"));
        assert!(found.bytes.ends_with(b"Body: of the description.\n"));
        for length in 0..form.content.len() {
            let cut = metadata(Cursor::new(&form.content[..length]), &upload, &limits);
            // A tar is whole where its last entry is.
            assert!(
                cut.is_err() || upload.filetype != Filetype::Wheel,
                "{client} {length}"
            );
        }
    }
}

#[test]
fn odd_wheels_are_refused() {
    let wheel = Filetype::Wheel;
    let good = zip(&[("demo_pkg/a.py", ""), (INFO, METADATA)]);
    assert_eq!(take(wheel, &good).unwrap().bytes, METADATA.as_bytes());
    let twin = zip(&[
        (INFO, METADATA),
        ("demo_pkg-1.0.dist-info/METADATB", METADATA),
    ]);
    let other = "demo_pkg-1.0.dist-info/METADATB";
    let many: Vec<String> = (0..21).map(|number| format!("file{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    let bomb = "Metadata-Version: 2.1\n".to_string() + &"A".repeat(100_000);
    let with_nul = zip(&[(INFO, METADATA), ("demo_pkg-1.0.dist-info/METADATAx", "")]);
    let (body, end) = good.split_at(good.len() - 22);
    let locator = [b"PK\x06\x07", &[0; 16][..]].concat();
    let table: Vec<(Vec<u8>, u16, &str)> = vec![
        ([body, &locator, end].concat(), 415, "zip64"),
        (patched(&twin, other, INFO, 2), 422, "an entry twice"),
        (patched(&good, INFO, other, 1), 422, "can be read"),
        (
            patched(&good, INFO, other, 2),
            422,
            "has no 'demo_pkg-1.0.dist-info/METADATA'",
        ),
        (
            patched(&with_nul, "METADATAx", "METADATA\0", 2),
            422,
            "illegal entry",
        ),
        (
            patched(&with_nul, "METADATAx", "METADATA\\", 2),
            422,
            "illegal entry",
        ),
        (
            [b"#!/bin/sh\n", &*good].concat(),
            422,
            "begins and ends with itself",
        ),
        ([&*good, b"\n"].concat(), 422, "ends with its directory"),
        (
            [&*good, &*good].concat(),
            422,
            "begins and ends with itself",
        ),
        (
            good[..good.len() - 1].to_vec(),
            422,
            "ends with its directory",
        ),
        (Vec::new(), 422, "is no zip"),
        (tar(&[]), 422, "is no zip"),
        (zip(&[(INFO, &bomb)]), 413, "limit of 10000 bytes"),
        (zip(&many), 422, "too many entries"),
        (zip(&[("a.py", "")]), 422, "no .dist-info"),
        (
            zip(&[("a/demo_pkg-1.0.dist-info/METADATA", METADATA)]),
            422,
            "no .dist-info",
        ),
        (
            zip(&[(INFO, METADATA), ("b-1.dist-info/METADATA", "")]),
            422,
            "two .dist-info",
        ),
        (
            zip(&[(INFO, METADATA), ("b-1.DIST-INFO/X", "")]),
            422,
            "two .dist-info",
        ),
        (
            zip(&[("demo_pkg-1.1.dist-info/METADATA", METADATA)]),
            422,
            "not of the version",
        ),
        (
            zip(&[("demo-1.0.dist-info/METADATA", METADATA)]),
            422,
            "not of the version",
        ),
        (
            zip(&[(INFO, METADATA), ("../a.py", "")]),
            422,
            "illegal entry '../a.py'",
        ),
        (
            zip(&[(INFO, METADATA), ("/a.py", "")]),
            422,
            "illegal entry",
        ),
    ];
    for (file, status, why) in table {
        let (found, sentence) = refused(wheel, &file);
        assert!(sentence.contains(why), "{why}: {sentence}");
        assert_eq!(found, status, "{sentence}");
    }
    for place in 0..good.len() {
        for byte in [0, 0xff] {
            let mut broken = good.clone();
            broken[place] = byte;
            let _ = take(wheel, &broken);
        }
    }
}

#[test]
fn zipped_sources_are_read() {
    let zipped = Filetype::SdistZip;
    let good = [
        ("demo_pkg-1.0/PKG-INFO", METADATA),
        ("demo_pkg-1.0/d.egg-info/PKG-INFO", "x"),
    ];
    assert_eq!(take(zipped, &zip(&good)).unwrap().version, "1.0");
    let two = [
        ("demo_pkg-1.0/PKG-INFO", METADATA),
        ("demo-pkg-1/PKG-INFO", METADATA),
    ];
    assert!(refused(zipped, &zip(&two)).1.contains("two files PKG-INFO"));
    let other = [("demo_pkg-2.0/PKG-INFO", METADATA)];
    assert!(
        refused(zipped, &zip(&other))
            .1
            .contains("not of the version")
    );
    assert!(refused(zipped, &zip(&good[1..])).1.contains("no PKG-INFO"));
}

#[test]
fn odd_sources_are_refused() {
    let source = Filetype::SdistTar;
    let plain = EntryType::Regular;
    let info = ("demo_pkg-1.0/PKG-INFO", plain, METADATA);
    let named = pax("mtime=1577836800.5") + &pax("path=demo_pkg-1.0/PKG-INFO");
    let comment = pax("comment=a");
    let size = pax("size=1");
    let sparse = pax("GNU.sparse.major=1");
    let good: Vec<Vec<u8>> = vec![
        tar(&[("demo_pkg-1.0/", EntryType::Directory, ""), info]),
        tar(&[("./demo_pkg-1.0/PKG-INFO", plain, METADATA)]),
        tar(&[("Demo.Pkg-1.0.0/PKG-INFO", plain, METADATA)]),
        tar(&[info, ("demo_pkg-1.0/x.egg-info/PKG-INFO", plain, "x")]),
        tar(&[
            ("@", EntryType::GNULongName, "demo_pkg-1.0/PKG-INFO\0"),
            ("x", plain, METADATA),
        ]),
        tar(&[("@", EntryType::XHeader, &named), ("x", plain, METADATA)]),
        tar(&[("@", EntryType::XGlobalHeader, &comment), info]),
    ];
    for file in &good {
        assert_eq!(take(source, file).unwrap().bytes, METADATA.as_bytes());
    }
    let huge = "x".repeat(70_000);
    let bomb = "\0".repeat(1_000_001);
    let long = METADATA.to_string() + &"x".repeat(10_000);
    let entries = [("a", plain, ""); 21];
    let table: Vec<(Vec<u8>, u16, &str)> = vec![
        (tar(&[info, info]), 422, "two files PKG-INFO"),
        (
            tar(&[info, ("@", EntryType::XHeader, &named), ("x", plain, "")]),
            422,
            "two files",
        ),
        (
            tar(&[("demo_pkg-1.0/PKG-INFO", EntryType::Symlink, "")]),
            422,
            "no plain file",
        ),
        (
            tar(&[("demo_pkg-1.0/PKG-INFO", EntryType::Link, "")]),
            422,
            "no plain file",
        ),
        (
            tar(&[("demo_pkg-2.0/PKG-INFO", plain, METADATA)]),
            422,
            "not of the version",
        ),
        (tar(&[("PKG-INFO", plain, METADATA)]), 422, "no PKG-INFO"),
        (
            tar(&[("@", EntryType::XHeader, &size), info]),
            422,
            "gigabytes",
        ),
        (
            tar(&[("@", EntryType::XHeader, &sparse), info]),
            422,
            "sparse",
        ),
        (
            tar(&[("@", EntryType::XHeader, &huge), info]),
            422,
            "too long",
        ),
        (
            tar(&[("@", EntryType::GNULongName, &huge), info]),
            422,
            "too long",
        ),
        (tar(&entries), 422, "too many entries"),
        (tar(&[("a", plain, &bomb), info]), 413, "unpacks to more"),
        (
            tar(&[("demo_pkg-1.0/PKG-INFO", plain, &long)]),
            413,
            "limit of 10000 bytes",
        ),
        (good[0][..good[0].len() / 2].to_vec(), 422, "the file"),
        (zip(&[]), 422, "no tar.gz"),
        (Vec::new(), 422, "the file"),
    ];
    for (file, status, why) in table {
        let (found, sentence) = refused(source, &file);
        assert!(sentence.contains(why), "{why}: {sentence}");
        assert_eq!(found, status, "{sentence}");
    }
    for place in 0..good[0].len() {
        let mut broken = good[0].clone();
        broken[place] ^= 0x55;
        let _ = take(source, &broken);
    }
}

#[test]
fn metadata_is_read_and_compared() {
    let with = |text: &str| zip(&[(INFO, text)]);
    let read = |text: &str| take(Filetype::Wheel, &with(text));
    let good = "metadata-version: 1.0\r\nNAME:demo_pkg\r\nVersion : 1\r\n";
    let found = read(&good.replace("Version :", "Version:")).unwrap();
    assert_eq!(
        (&*found.name, &*found.version, found.requires_python),
        ("demo_pkg", "1", None)
    );
    let folded = METADATA.replace(
        "\n\n",
        "\nSummary: a\n  Name: evil\nRequires-Python: >=3.8,\n\t<4\n\n",
    );
    let found = read(&folded).unwrap();
    assert_eq!(found.requires_python.as_deref(), Some(">=3.8, <4"));
    assert_eq!(found.bytes, folded.as_bytes());
    let table = [
        (
            METADATA.replace("Demo.Pkg", "requests"),
            "is of 'requests', and 'demo-pkg'",
        ),
        (
            METADATA.replace(": 1.0", ": 1.1"),
            "is of version '1.1', and '1.0.0'",
        ),
        (METADATA.replace("Name: Demo.Pkg\n", ""), "no Name"),
        (METADATA.replace("Version: 1.0\n", ""), "no Version"),
        (METADATA.replace("2.4", "3.0"), "Metadata-Version"),
        (
            METADATA.replace("\n\n", "\nname: Demo.Pkg\n\n"),
            "two headers name",
        ),
        (
            METADATA.replace("\n\n", "\nSummary: a\rName: b\n\n"),
            "control character",
        ),
        (METADATA.replace("\n\n", "\nno header\n\n"), "'no header'"),
        (
            METADATA.replace("\n\n", "\nRequires-Python: 3\n\n"),
            "version specifier",
        ),
        (format!(" x\n{METADATA}"), "folded line"),
        (format!("\n{METADATA}"), "Metadata-Version"),
        (String::new(), "Metadata-Version"),
    ];
    for (text, why) in table {
        let (status, sentence) = refused(Filetype::Wheel, &with(&text));
        assert!(sentence.contains(why), "{text:?}: {sentence}");
        assert_eq!(status, 422);
    }
}

/// A disk that fails once it has been read for a while.
struct Failing<F>(F, usize);

impl<F: Read> Read for Failing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = self
            .1
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("bad sector"))?;
        let short = buffer.len().min(16);
        self.0.read(&mut buffer[..short])
    }
}

impl<F: Seek> Seek for Failing<F> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.0.seek(place)
    }
}

#[test]
fn a_failing_disk_is_not_the_clients_fault() {
    let wheel = zip(&[(INFO, METADATA)]);
    let source = tar(&[("demo_pkg-1.0/PKG-INFO", EntryType::Regular, METADATA)]);
    for (filetype, file) in [(Filetype::Wheel, wheel), (Filetype::SdistTar, source)] {
        let upload = upload(filetype);
        for reads in 0..1000 {
            match metadata(Failing(Cursor::new(&file), reads), &upload, &LIMITS) {
                Err(ArchiveError::Unreadable(error)) => assert_eq!(error.to_string(), "bad sector"),
                Err(error) => panic!("{reads}: {error}"),
                Ok(_) if reads > 3 => break,
                Ok(_) => panic!("{reads}"),
            }
        }
    }
}
