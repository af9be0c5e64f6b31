//! What the store does on a disk that fails, at each of its calls in turn.

use super::*;
use crate::hosted::blobs::disk::faulty::{BROKEN, FULL};

/// How the bytes come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Staged,
    Adopted,
}

/// What is under the blob's name before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Absent,
    Whole,
    Short,
}

/// How far a publish came that failed.
struct Failed {
    error: BlobError,
    left: Option<Box<(Blobs, Staged)>>,
}

impl From<BlobError> for Failed {
    fn from(error: BlobError) -> Failed {
        Failed { error, left: None }
    }
}

fn open(disk: &Faulty, folder: &Path) -> Result<Blobs, BlobError> {
    Blobs::open_on(Box::new(disk.clone()), &folder.join("hosted"))
}

fn publish(disk: &Faulty, folder: &Path, way: Way) -> Result<Blob, Failed> {
    let blobs = open(disk, folder)?;
    let staged = match way {
        Way::Staged => stage(&blobs, BODY)?,
        Way::Adopted => {
            let spooled = blobs.spool_folder().join("upload");
            fs::write(&spooled, BODY).unwrap();
            disk.wrote(&spooled);
            blobs.adopt(&spooled)?
        }
    };
    blobs.keep(&staged).map_err(|error| Failed {
        error,
        left: Some(Box::new((blobs, staged))),
    })
}

fn prepared(before: Before) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if before != Before::Absent {
        let blobs = open(&Faulty::new(Fault::None), folder.path()).unwrap();
        keep(&blobs, BODY);
        if before == Before::Short {
            fs::write(blobs.place.blob(NAME), b"ab").unwrap();
        }
    }
    folder
}

/// Opens anew, on a disk that works: staging is swept, and all blobs are whole.
fn whole_or_absent(folder: &Path) -> Condition {
    let disk = || -> Box<dyn Disk> { Box::new(Faulty::new(Fault::ShortReads)) };
    let blobs = open_swept(disk, &folder.join("hosted"));
    for listed in blobs.iter().unwrap() {
        assert_eq!(listed.unwrap().sha256, NAME);
    }
    blobs.verify(NAME).unwrap()
}

fn each_case(mut check: impl FnMut(Way, Before)) {
    for way in [Way::Staged, Way::Adopted] {
        for before in [Before::Absent, Before::Whole, Before::Short] {
            check(way, before);
        }
    }
}

#[test]
fn any_call_may_fail_once_and_the_keep_be_repeated() {
    let (mut tried, mut repeated) = (0, 0);
    each_case(|way, before| {
        for number in [BROKEN, FULL] {
            for call in 1.. {
                let folder = prepared(before);
                let disk = Faulty::new(Fault::FailAt(call, number));
                let published = publish(&disk, folder.path(), way);
                if disk.calls() < call {
                    break;
                }
                tried += 1;
                repeated += u32::from(check_repeat(published, &disk, folder.path(), number, way));
                assert_eq!(whole_or_absent(folder.path()), Condition::Whole, "{call}");
            }
        }
    });
    assert!(tried > 200 && repeated > 50, "{tried} {repeated}");
}

/// Repeats the keep if the publish came so far, all of it if not.
fn check_repeat(
    published: Result<Blob, Failed>,
    disk: &Faulty,
    folder: &Path,
    number: i32,
    way: Way,
) -> bool {
    let Err(failed) = published else {
        return false;
    };
    let full = matches!(failed.error, BlobError::Full { .. });
    assert_eq!(full, number == FULL, "{}", failed.error);
    if let Some(left) = failed.left {
        let (blobs, staged) = *left;
        let blob = blobs.keep(&staged).unwrap();
        assert_eq!((blob.sha256.as_str(), blob.size), (NAME, 3));
        return true;
    }
    assert!(publish(disk, folder, way).is_ok());
    false
}

#[test]
fn a_failed_publish_leaves_a_whole_blob_or_none() {
    each_case(|way, before| {
        for call in 1.. {
            let folder = prepared(before);
            let disk = Faulty::new(Fault::FailAt(call, BROKEN));
            let published = publish(&disk, folder.path(), way).is_ok();
            if disk.calls() < call {
                break;
            }
            let found = whole_or_absent(folder.path());
            match before {
                _ if published => assert_eq!(found, Condition::Whole),
                Before::Absent => assert_ne!(found, Condition::Damaged, "{call}"),
                Before::Whole => assert_eq!(found, Condition::Whole, "{call}"),
                Before::Short => assert_ne!(found, Condition::Absent, "{call}"),
            }
        }
    });
}

#[test]
fn a_power_cut_at_any_call_takes_no_acknowledged_blob() {
    let mut tried = 0;
    each_case(|way, before| {
        for lose_names in [false, true] {
            for call in 1.. {
                tried += 1;
                let folder = prepared(before);
                let disk = Faulty::new(Fault::CrashAt(call));
                let acknowledged = publish(&disk, folder.path(), way).is_ok();
                let ended = disk.calls() < call;
                disk.cut(lose_names);
                let found = whole_or_absent(folder.path());
                match before {
                    _ if acknowledged => assert_eq!(found, Condition::Whole),
                    Before::Absent => assert_ne!(found, Condition::Damaged, "{call}"),
                    Before::Whole => assert_eq!(found, Condition::Whole, "{call}"),
                    Before::Short => {}
                }
                let again = publish(&Faulty::new(Fault::None), folder.path(), way);
                assert!(again.is_ok());
                assert_eq!(whole_or_absent(folder.path()), Condition::Whole);
                if ended {
                    assert!(acknowledged);
                    break;
                }
            }
        }
    });
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_file_system_without_hard_links_serves() {
    each_case(|way, before| {
        let folder = prepared(before);
        let disk = Faulty::new(Fault::NoLinks);
        let blob = publish(&disk, folder.path(), way).ok().unwrap();
        let kept = match before {
            Before::Absent => Kept::New,
            Before::Whole => Kept::Existing,
            Before::Short => Kept::Mended,
        };
        assert_eq!(blob.kept, kept);
        disk.cut(true);
        assert_eq!(whole_or_absent(folder.path()), Condition::Whole);
        let blobs = open(&disk, folder.path()).unwrap();
        let staged_file = stage(&blobs, b"other").unwrap();
        assert_eq!(blobs.keep(&staged_file).unwrap().kept, Kept::New);
        assert_eq!(blobs.keep(&staged_file).unwrap().kept, Kept::Existing);
    });
}

#[test]
fn a_failed_write_is_not_forgotten() {
    for number in [BROKEN, FULL] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Faulty::new(Fault::None);
        let blobs = open(&disk, folder.path()).unwrap();
        let mut staging = blobs.stage(9).unwrap();
        disk.set(Fault::FailAt(disk.calls() + 1, number));
        let error = BlobError::of_write(staging.write_all(BODY).unwrap_err());
        assert_eq!(matches!(error, BlobError::Full { .. }), number == FULL);
        let error = BlobError::of_write(staging.write_all(BODY).unwrap_err());
        assert_eq!(matches!(error, BlobError::Full { .. }), number == FULL);
        let error = staging.finish().err().unwrap();
        assert_eq!(matches!(error, BlobError::Full { .. }), number == FULL);
        assert_eq!(staged(&blobs), [""; 0]);
    }
}

#[test]
fn reading_and_removing_report_what_fails() {
    for call in 1.. {
        let folder = prepared(Before::Whole);
        let disk = Faulty::new(Fault::None);
        let blobs = open(&disk, folder.path()).unwrap();
        let call = disk.calls() + call;
        disk.set(Fault::FailAt(call, BROKEN));
        let verified = blobs.verify(NAME);
        let listed: Result<Vec<_>, _> = blobs.iter().and_then(Iterator::collect);
        let collected = blobs.collect(|_| false, SystemTime::now() - HOUR);
        let removed = blobs.remove(NAME);
        if disk.calls() < call {
            assert!(removed.unwrap());
            break;
        }
        let failed = [
            verified.is_err(),
            listed.is_err(),
            collected.is_err(),
            removed.is_err(),
        ];
        let count = failed.into_iter().filter(|failed| *failed).count();
        assert_eq!(count, 1, "{call}");
        drop(blobs);
        assert_ne!(whole_or_absent(folder.path()), Condition::Damaged);
    }
}
