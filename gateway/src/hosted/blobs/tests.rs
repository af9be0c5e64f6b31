//! What the store does on a disk that works.

use std::fs;
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::disk::faulty::{Fault, Faulty};
use super::*;

mod faults;
mod kill;

/// A body, and its SHA-256 as another program computed it.
const BODY: &[u8] = b"abc";
const NAME: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const HOUR: Duration = Duration::from_secs(3600);

fn store() -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("made/hosted")).unwrap();
    (folder, blobs)
}

fn stage(blobs: &Blobs, body: &[u8]) -> Result<Staged, BlobError> {
    let mut staging = blobs.stage(u64::MAX)?;
    let (one, other) = body.split_at(body.len() / 2);
    staging.write_all(one).map_err(BlobError::of_write)?;
    staging.write_all(other).map_err(BlobError::of_write)?;
    staging.finish()
}

fn keep(blobs: &Blobs, body: &[u8]) -> Blob {
    blobs.keep(&stage(blobs, body).unwrap()).unwrap()
}

/// The staging files of this process.
fn staged(blobs: &Blobs) -> Vec<String> {
    let mut names = Real.list(blobs.spool_folder()).unwrap();
    names.retain(|name| name != "lock");
    names
}

/// Opens anew, and finds that nothing but the new process's folder is in staging. A test that
/// starts a process copies our locks into it for a moment, between fork and exec: hence again.
fn open_swept(disk: impl Fn() -> Box<dyn Disk>, folder: &Path) -> Blobs {
    for _ in 0..100 {
        let blobs = Blobs::open_on(disk(), folder).unwrap();
        if Real.list(&folder.join("staging")).unwrap().len() == 1 {
            assert_eq!(staged(&blobs), [""; 0]);
            return blobs;
        }
        drop(blobs);
        thread::sleep(Duration::from_millis(10));
    }
    panic!("staging is not swept");
}

fn age(blobs: &Blobs, name: &str) {
    let file = File::open(blobs.place.blob(name)).unwrap();
    file.set_modified(SystemTime::now() - 2 * HOUR).unwrap();
}

#[test]
fn what_is_kept_is_read_again() {
    let (_folder, blobs) = store();
    let staged_file = stage(&blobs, BODY).unwrap();
    assert_eq!((staged_file.size, staged_file.sha256.as_str()), (3, NAME));
    assert!(
        staged_file
            .blake2b256
            .starts_with("bddd813c634239723171ef3f")
    );
    let mut text = String::new();
    let mut reopened = staged_file.reopen().unwrap();
    reopened.read_to_string(&mut text).unwrap();
    assert_eq!(text.as_bytes(), BODY);
    assert!(blobs.open_blob(NAME).unwrap().is_none());
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Absent);

    let blob = blobs.keep(&staged_file).unwrap();
    assert_eq!((blob.size, blob.kept), (3, Kept::New));
    assert_eq!(blob.sha256, NAME);
    assert_eq!(blobs.keep(&staged_file).unwrap().kept, Kept::Existing);
    drop(staged_file);
    assert_eq!(staged(&blobs), [""; 0]);
    let mut bytes = Vec::new();
    let mut opened = blobs.open_blob(NAME).unwrap().unwrap();
    opened.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, BODY);
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Whole);
    assert_eq!(keep(&blobs, BODY).kept, Kept::Existing);
    assert_eq!(keep(&blobs, b"").size, 0);
}

#[test]
fn too_many_bytes_are_refused_and_leave_nothing() {
    let (_folder, blobs) = store();
    let mut staging = blobs.stage(4).unwrap();
    staging.write_all(b"1234").unwrap();
    let error = staging.write_all(b"5").map_err(BlobError::of_write);
    assert!(matches!(error, Err(BlobError::TooLarge { limit: 4 })));
    assert!(staging.write(b"").is_err());
    assert_eq!(staging.size(), 4);
    let error = staging.finish().err().unwrap();
    assert!(matches!(error, BlobError::TooLarge { limit: 4 }));
    drop(blobs.stage(4).unwrap());
    drop(stage(&blobs, BODY).unwrap());
    assert_eq!(staged(&blobs), [""; 0]);
}

#[test]
fn a_spooled_file_is_taken_over() {
    let (_folder, blobs) = store();
    let spooled = blobs.spool_folder().join("upload-1");
    fs::write(&spooled, BODY).unwrap();
    let adopted = blobs.adopt(&spooled).unwrap();
    assert!(!spooled.exists());
    assert_eq!((adopted.size, adopted.sha256.as_str()), (3, NAME));
    drop(adopted);
    assert_eq!(staged(&blobs), [""; 0]);

    fs::write(&spooled, BODY).unwrap();
    let link = blobs.spool_folder().join("link");
    std::os::unix::fs::symlink(&spooled, &link).unwrap();
    assert!(matches!(blobs.adopt(&link), Err(BlobError::Changed)));
    blobs.keep(&blobs.adopt(&spooled).unwrap()).unwrap();
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Whole);
    assert!(matches!(blobs.adopt(&spooled), Err(BlobError::Disk { .. })));
}

#[test]
fn a_staged_file_that_somebody_changed_is_not_kept() {
    let (_folder, blobs) = store();
    let staged_file = stage(&blobs, BODY).unwrap();
    fs::write(staged_file.path(), b"ab").unwrap();
    assert!(matches!(blobs.keep(&staged_file), Err(BlobError::Changed)));
    fs::remove_file(staged_file.path()).unwrap();
    assert!(matches!(blobs.keep(&staged_file), Err(BlobError::Changed)));
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Absent);
}

#[test]
fn names_that_are_no_digests_are_refused() {
    let (_folder, blobs) = store();
    let upper = NAME.to_uppercase();
    for wrong in ["", "ba", "../../lock", &upper, &NAME[1..], "é"] {
        assert!(matches!(blobs.open_blob(wrong), Err(BlobError::NotADigest)));
        assert!(blobs.verify(wrong).is_err());
        assert!(blobs.remove(wrong).is_err());
    }
}

#[test]
fn damage_is_found_and_a_short_blob_mended() {
    let (_folder, blobs) = store();
    keep(&blobs, BODY);
    fs::write(blobs.place.blob(NAME), b"abd").unwrap();
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Damaged);
    fs::write(blobs.place.blob(NAME), b"ab").unwrap();
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Damaged);
    let staged_file = stage(&blobs, BODY).unwrap();
    assert_eq!(blobs.keep(&staged_file).unwrap().kept, Kept::Mended);
    assert_eq!(blobs.keep(&staged_file).unwrap().kept, Kept::Existing);
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Whole);
}

#[test]
fn blobs_are_listed_and_removed() {
    let (_folder, blobs) = store();
    keep(&blobs, BODY);
    let empty = keep(&blobs, b"");
    fs::write(blobs.place.blobs.join("readme"), b"").unwrap();
    fs::write(blobs.place.shelf(NAME).join("readme"), b"").unwrap();
    fs::write(blobs.place.shelf(NAME).join(&empty.sha256), b"").unwrap();
    let listed = blobs.iter().unwrap().map(Result::unwrap);
    let mut listed: Vec<Listed> = listed.collect();
    listed.sort_by_key(|listed| listed.size);
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[1].sha256.as_str(), listed[1].size), (NAME, 3));
    assert!(listed[1].modified.elapsed().unwrap() < HOUR);
    assert!(blobs.remove(NAME).unwrap());
    assert!(!blobs.remove(NAME).unwrap());
    assert!(!blobs.remove(&"0".repeat(64)).unwrap());
    assert_eq!(blobs.iter().unwrap().count(), 1);
}

#[test]
fn only_old_blobs_that_nothing_uses_are_collected() {
    let (_folder, blobs) = store();
    let used = keep(&blobs, b"used").sha256;
    keep(&blobs, b"new");
    let renewed = keep(&blobs, b"renewed").sha256;
    keep(&blobs, BODY);
    for name in [&used, &renewed, NAME] {
        age(&blobs, name);
    }
    keep(&blobs, b"renewed");
    let before = SystemTime::now() - HOUR;
    let collected = blobs.collect(|name| name == used, before).unwrap();
    assert_eq!(collected, Collected { count: 1, bytes: 3 });
    assert_eq!(blobs.iter().unwrap().count(), 3);
    assert_eq!(blobs.verify(NAME).unwrap(), Condition::Absent);
}

#[test]
fn a_blob_that_is_kept_again_outlives_a_collection() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Blobs::open_on(Box::new(Faulty::new(Fault::None)), folder.path()).unwrap();
    let (blobs, other) = (open(), open());
    let mut collected = 0;
    for round in 0..300 {
        keep(&blobs, BODY);
        age(&blobs, NAME);
        let staged_file = stage(&blobs, BODY).unwrap();
        let before = SystemTime::now() - HOUR;
        thread::scope(|scope| {
            let collection = scope.spawn(|| other.collect(|_| false, before).unwrap());
            thread::sleep(Duration::from_micros(round % 100));
            blobs.keep(&staged_file).unwrap();
            collected += collection.join().unwrap().count;
        });
        assert_eq!(blobs.verify(NAME).unwrap(), Condition::Whole);
    }
    println!("{collected} of 300 were collected before they were kept again");
}

#[test]
fn the_staging_of_the_living_is_left_alone() {
    let (folder, blobs) = store();
    let root = folder.path().join("made/hosted");
    let staged_file = stage(&blobs, BODY).unwrap();
    fs::write(blobs.spool_folder().join("upload-1"), b"").unwrap();
    let other = Blobs::open(&root).unwrap();
    assert_ne!(blobs.spool_folder(), other.spool_folder());
    assert_eq!(staged(&blobs).len(), 2);
    let old = blobs.spool_folder().to_owned();
    drop(blobs);
    let third = Blobs::open(&root).unwrap();
    assert!(staged_file.path().exists());
    assert_eq!(third.keep(&staged_file).unwrap().kept, Kept::New);
    drop(staged_file);

    fs::create_dir_all(root.join("staging/17/deep")).unwrap();
    fs::write(root.join("staging/stray"), b"").unwrap();
    assert!(old.join("upload-1").exists());
    drop((other, third));
    let last = open_swept(|| Box::new(Real), &root);
    assert!(!old.join("upload-1").exists());
    assert_eq!(last.verify(NAME).unwrap(), Condition::Whole);
}
