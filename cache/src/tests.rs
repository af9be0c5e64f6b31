//! The promises of the front page, each as a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::disk::faulty::{Fault, Faulty};
use crate::*;

const MINUTE: Duration = Duration::from_secs(60);

fn meta(now: SystemTime) -> Meta {
    Meta::new(now, MINUTE)
}

fn limits() -> Limits {
    Limits::default()
}

/// A body that does not repeat.
fn body(size: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(2) + 1;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(size).collect()
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digests = Digests::default();
    digests.update(bytes);
    digests.finish().remove(2)
}

async fn open() -> (TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), limits()).await.unwrap();
    scanned(&cache).await;
    (folder, cache)
}

async fn scanned(cache: &Cache) {
    while !cache.stats().scan_complete {
        tokio::task::yield_now().await;
    }
}

/// Writes a body in pieces and commits it.
async fn write(mut fill: Fill, bytes: Bytes, meta: Meta) -> Result<(), Error> {
    fill.start(meta, Some(bytes.len() as u64)).await?;
    for piece in bytes.chunks(100_000) {
        fill.write(Bytes::copy_from_slice(piece)).await?;
    }
    fill.commit(&[sha256(&bytes)]).await
}

async fn put(cache: &Cache, key: &str, bytes: Bytes) -> Hit {
    let work = |fill| async move { write(fill, bytes, meta(SystemTime::now())).await.unwrap() };
    cache
        .join(&Key::new(key), work)
        .settled()
        .await
        .unwrap()
        .unwrap()
}

async fn look(cache: &Cache, key: &str) -> Option<Bytes> {
    match cache.lookup(&Key::new(key), SystemTime::now()).await {
        Lookup::Fresh(hit) | Lookup::Stale(hit) => Some(hit.bytes(1 << 30).await.unwrap()),
        _ => None,
    }
}

async fn read(follower: &mut Follower) -> Result<Vec<u8>, (usize, Failed)> {
    let mut all = Vec::new();
    loop {
        match follower.next().await {
            Ok(Some(piece)) => all.extend_from_slice(&piece),
            Ok(None) => return Ok(all),
            Err(failed) => return Err((all.len(), failed)),
        }
    }
}

/// The only file below a folder of shelves.
fn only_file(root: &Path, folder: &str) -> Option<PathBuf> {
    let shelves = std::fs::read_dir(root.join(folder)).unwrap();
    let mut files = shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap());
    files.next().map(|file| file.unwrap().path())
}

/// Starts a fill whose work waits for a signal before each half and before the commit.
fn halves(cache: &Cache, key: &str, bytes: Bytes) -> (Follower, [oneshot::Sender<()>; 2]) {
    let ((first, wait_first), (second, wait_second)) = (oneshot::channel(), oneshot::channel());
    let follower = cache.join(&Key::new(key), |mut fill| async move {
        fill.start(meta(SystemTime::now()), Some(bytes.len() as u64))
            .await
            .unwrap();
        let _ = wait_first.await;
        let half = bytes.len() / 2;
        for piece in bytes[..half].chunks(50_000) {
            fill.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let _ = wait_second.await;
        fill.write(bytes.slice(half..)).await.unwrap();
        fill.commit(&[sha256(&bytes)]).await.unwrap();
    });
    (follower, [first, second])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_joiners_are_one_work() {
    let (_folder, cache) = open().await;
    let (count, bytes) = (Arc::new(AtomicUsize::new(0)), body(300_000, 1));
    let (go, wait) = oneshot::channel::<()>();
    let mut wait = Some(wait);
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (count, bytes, wait) = (count.clone(), bytes.clone(), wait.take());
        let mut follower = cache.join(&Key::new("k"), |fill| async move {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = wait.unwrap().await;
            write(fill, bytes, meta(SystemTime::now())).await.unwrap();
        });
        readers.spawn(async move { read(&mut follower).await });
    }
    assert_eq!(cache.stats().fills_in_flight, 1);
    go.send(()).unwrap();
    while let Some(all) = readers.join_next().await {
        assert!(all.unwrap().unwrap() == bytes);
    }
    assert_eq!(
        (count.load(Ordering::SeqCst), cache.stats().fills_in_flight),
        (1, 0)
    );
    assert_eq!(cache.stats().bytes, 300_000);
}

#[tokio::test]
async fn the_first_client_leaving_does_not_end_the_fill() {
    let (_folder, cache) = open().await;
    let bytes = body(4_000_000, 2);
    let (leader, [first, second]) = halves(&cache, "k", bytes.clone());
    let mut other = cache.join(&Key::new("k"), |_| async { panic!("second work") });
    drop(leader);
    first.send(()).unwrap();
    assert!(matches!(
        other.head().await,
        Ok(Begun::Started {
            length: Some(4_000_000),
            ..
        })
    ));
    let started = other.next().await.unwrap().unwrap();
    assert!(bytes.starts_with(&started));
    second.send(()).unwrap();
    let rest = read(&mut other).await.unwrap();
    assert!(rest == bytes[started.len()..]);
    assert!(matches!(other.head().await, Ok(Begun::Settled(_))));
}

#[tokio::test]
async fn all_clients_leaving_ends_it_unless_it_is_nearly_whole_or_told_otherwise() {
    let (_folder, cache) = open().await;
    for (length, always, finished) in [
        (4_000_000, false, false),
        (900_000, false, true),
        (4_000_000, true, true),
    ] {
        let (report, result) = oneshot::channel();
        let bytes = body(length, 3);
        let follower = cache.join(&Key::new("k"), move |mut fill| async move {
            if always {
                fill.keep_going();
            } else {
                fill.deserted().await;
            }
            let _ = report.send(write(fill, bytes, meta(SystemTime::now())).await);
        });
        drop(follower);
        let result = result.await.unwrap();
        assert_eq!(result.is_ok(), finished, "{result:?}");
        assert!(finished || matches!(result, Err(Error::Unwanted)));
        assert_eq!(
            (
                look(&cache, "k").await.is_some(),
                cache.stats().fills_in_flight
            ),
            (finished, 0)
        );
        cache.purge("k").await.unwrap();
    }
}

#[tokio::test]
async fn a_dropped_a_failed_and_a_panicking_fill_fail_all() {
    let (folder, cache) = open().await;
    let one = cache.join(&Key::new("a"), |fill| async move { drop(fill) });
    let two = cache.join(&Key::new("a"), |fill| async move { drop(fill) });
    assert_eq!(one.settled().await.unwrap_err().code, Failed::ABANDONED);
    assert_eq!(
        two.settled().await.unwrap_err().detail.as_ref(),
        "abandoned"
    );
    let mut failed = cache.join(&Key::new("b"), |fill| async move { fill.fail(504, "slow") });
    assert_eq!(
        failed.head().await.unwrap_err(),
        Failed {
            code: 504,
            detail: "slow".into()
        }
    );
    let panics = cache.join(&Key::new("c"), |mut fill| async move {
        fill.start(meta(SystemTime::now()), None).await.unwrap();
        fill.write(body(600_000, 1)).await.unwrap();
        panic!("on purpose");
    });
    assert_eq!(panics.settled().await.unwrap_err().code, Failed::ABANDONED);
    assert_eq!(
        std::fs::read_dir(folder.path().join("staging"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_wrong_body_never_completes_and_nothing_is_kept() {
    let (folder, cache) = open().await;
    let bytes = body(500_000, 4);
    let wrong = [sha256(b"other")];
    for (announced, expected) in [(500_000, &wrong[..]), (500_001, &[]), (499_999, &[])] {
        let (expected, bytes) = (expected.to_vec(), bytes.clone());
        let mut follower = cache.join(&Key::new("k"), move |mut fill| async move {
            fill.start(meta(SystemTime::now()), Some(announced))
                .await
                .unwrap();
            for piece in bytes.chunks(1000) {
                if let Err(error) = fill.write(Bytes::copy_from_slice(piece)).await {
                    assert!(matches!(
                        error,
                        Error::Length {
                            announced: 499_999,
                            ..
                        }
                    ));
                    return;
                }
            }
            let error = fill.commit(&expected).await.unwrap_err();
            assert!(
                matches!(error, Error::Mismatch { .. } | Error::Length { .. }),
                "{error}"
            );
        });
        let mut range = cache.join(&Key::new("k"), |_| async {});
        range.range(0, 1000);
        let (given, failed) = read(&mut follower).await.unwrap_err();
        assert!(given <= 500_000 - (64 << 10), "{given}");
        assert_eq!(failed.code, Failed::WRONG_BODY);
        assert_eq!(
            read(&mut range).await.unwrap_err().0,
            0,
            "a range is held back too"
        );
        assert_eq!(look(&cache, "k").await, None);
    }
    assert_eq!(only_file(folder.path(), "blobs"), None);
    assert_eq!(
        std::fs::read_dir(folder.path().join("staging"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_second_opener_leaves_running_fills_alone_and_the_last_crash_is_swept() {
    let (folder, cache) = open().await;
    let staging = || {
        std::fs::read_dir(folder.path().join("staging"))
            .unwrap()
            .count()
    };
    let (begun, mut has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = tokio::sync::oneshot::channel::<()>();
    let follower = cache.join(&Key::new("k"), |mut fill| async move {
        fill.start(meta(SystemTime::now()), Some(600_000))
            .await
            .unwrap();
        fill.write(body(600_000, 1)).await.unwrap();
        let _ = begun.send(());
        let _ = may_go_on.await;
        fill.commit(&[]).await.unwrap();
    });
    (&mut has_begun).await.unwrap();
    let beside = Cache::open(folder.path(), Limits::default()).await.unwrap();
    assert_eq!(staging(), 1, "a running fill was swept");
    let _ = go_on.send(());
    assert!(follower.settled().await.unwrap().is_some());
    drop((cache, beside));
    std::fs::write(folder.path().join("staging/1-1"), "left by a crash").unwrap();
    closed(folder.path()).await;
    drop(Cache::open(folder.path(), Limits::default()).await.unwrap());
    assert_eq!(staging(), 0, "what a crash left was not swept");
}

/// Waits until nobody has the folder open: a background scan holds it a moment longer than its cache.
async fn closed(folder: &Path) {
    let is_open = || {
        let lock = std::fs::File::open(folder.join("lock"));
        lock.is_ok_and(|lock| lock.try_lock().is_err())
    };
    while is_open() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_algorithm_is_verified() {
    let (_folder, cache) = open().await;
    let text = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                8086072ba1e7cc2358baeca134c825a7";
    let right = Digest::try_from(format!("sha384:{text}")).unwrap();
    for good in [true, false] {
        let mut expected = right.clone();
        expected.bytes[0] ^= u8::from(!good);
        let follower = cache.join(&Key::new("k"), move |mut fill| async move {
            fill.start(meta(SystemTime::now()), None).await.unwrap();
            fill.write("abc".into()).await.unwrap();
            assert_eq!(fill.commit(&[expected]).await.is_ok(), good);
        });
        assert_eq!(follower.settled().await.is_ok(), good);
    }
}

#[tokio::test]
async fn ranges_follow_a_growing_body_and_late_followers_read_the_file() {
    let (_folder, cache) = open().await;
    let bytes = body(8_000_000, 5);
    let (mut range, [first, second]) = halves(&cache, "k", bytes.clone());
    range.range(1_000_000, 1_500_000);
    let mut late = cache.join(&Key::new("k"), |_| async {});
    let mut skipping = cache.join(&Key::new("k"), |_| async {});
    skipping.skip(7_900_000);
    first.send(()).unwrap();
    let mut taken = 0;
    while taken < 500_000 - (64 << 10) {
        let piece = range.next().await.unwrap().unwrap();
        assert!(piece == bytes[1_000_000 + taken..][..piece.len()]);
        taken += piece.len();
    }
    // 4 MB are written by now or soon, the window has the newest: byte 0 is in the file only.
    let beginning = late.next().await.unwrap().unwrap();
    assert!(bytes.starts_with(&beginning));
    second.send(()).unwrap();
    assert!(read(&mut range).await.unwrap() == bytes[1_000_000 + taken..1_500_000]);
    assert!(read(&mut late).await.unwrap() == bytes[beginning.len()..]);
    assert!(read(&mut skipping).await.unwrap() == bytes[7_900_000..]);
}

#[tokio::test]
async fn stale_fresh_absent_and_renewed() {
    let (_folder, cache) = open().await;
    let (key, now) = (Key::new("k"), SystemTime::now());
    assert!(matches!(cache.lookup(&key, now).await, Lookup::Missing));
    put(&cache, "k", body(100, 1)).await;
    let later = SystemTime::now() + 2 * MINUTE;
    assert!(matches!(
        cache.lookup(&key, SystemTime::now()).await,
        Lookup::Fresh(_)
    ));
    assert!(matches!(cache.lookup(&key, later).await, Lookup::Stale(_)));
    let mut renewed = meta(later);
    renewed.attributes.insert("etag".into(), "new".into());
    let follower = cache.join(
        &key,
        |fill| async move { fill.renew(renewed).await.unwrap() },
    );
    let hit = follower.settled().await.unwrap().unwrap();
    assert_eq!(hit.entry().meta.attributes["etag"], "new");
    assert!(matches!(cache.lookup(&key, later).await, Lookup::Fresh(_)));
    assert_eq!(look(&cache, "k").await.unwrap(), body(100, 1));
    let gone = meta(now);
    let follower = cache.join(&key, |fill| async move { fill.absent(gone).await.unwrap() });
    assert!(follower.settled().await.unwrap().is_none());
    assert!(matches!(
        cache.lookup(&key, now).await,
        Lookup::Absent { fresh: true }
    ));
    assert!(matches!(
        cache.lookup(&key, later).await,
        Lookup::Absent { fresh: false }
    ));
    assert_eq!(
        (cache.contains(&key).await, cache.stats().bytes),
        (false, 0)
    );
    let nothing = cache.join(&Key::new("x"), |fill| async move {
        let error = fill.renew(meta(SystemTime::now())).await.unwrap_err();
        assert!(matches!(error, Error::NothingToRenew));
    });
    assert!(nothing.settled().await.is_err());
}

#[tokio::test]
async fn a_restart_keeps_everything_and_links_share_a_blob() {
    let (folder, cache) = open().await;
    for (number, size) in [0, 1, 70_000, 5_000_000].into_iter().enumerate() {
        put(&cache, &format!("k{number}"), body(size, number as u64)).await;
    }
    assert!(cache.link(&Key::new("k2"), &Key::new("l2")).await.unwrap());
    assert!(!cache.link(&Key::new("no"), &Key::new("l3")).await.unwrap());
    let before = cache.stats();
    drop(cache);
    let cache = Cache::open(folder.path(), limits()).await.unwrap();
    assert_eq!(look(&cache, "l2").await.unwrap(), body(70_000, 2));
    scanned(&cache).await;
    assert_eq!(cache.stats(), before);
    assert_eq!((before.entries, before.bytes), (5, 5_070_001));
    for (number, size) in [0, 1, 70_000, 5_000_000].into_iter().enumerate() {
        assert!(look(&cache, &format!("k{number}")).await.unwrap() == body(size, number as u64));
    }
    assert_eq!(cache.purge("k2").await.unwrap(), 1);
    assert_eq!(look(&cache, "k2").await, None);
    assert_eq!(look(&cache, "l2").await.unwrap(), body(70_000, 2));
    assert_eq!(cache.purge("").await.unwrap(), 4);
    assert_eq!(
        (cache.stats().bytes, only_file(folder.path(), "blobs")),
        (0, None)
    );
}

#[tokio::test]
async fn another_format_is_refused() {
    let (folder, cache) = open().await;
    drop(cache);
    std::fs::write(folder.path().join("format"), "2").unwrap();
    let opened = Cache::open(folder.path(), limits()).await;
    assert!(matches!(opened.err().unwrap(), Error::Format { .. }));
}

#[tokio::test]
async fn hollow_and_flipped_blobs_are_missing_and_can_be_filled_again() {
    for size in [1000, 100_000] {
        for hollow in [true, false] {
            let (folder, cache) = open().await;
            put(&cache, "k", body(size, 6)).await;
            drop(cache);
            let blob = only_file(folder.path(), "blobs").unwrap();
            let mut bytes = std::fs::read(&blob).unwrap();
            bytes[size / 2] ^= 4;
            std::fs::write(&blob, if hollow { &[] } else { &bytes[..] }).unwrap();
            let cache = Cache::open(folder.path(), limits()).await.unwrap();
            assert_eq!(look(&cache, "k").await, None);
            assert_eq!(only_file(folder.path(), "entries"), None);
            put(&cache, "k", body(size, 6)).await;
            assert_eq!(look(&cache, "k").await.unwrap(), body(size, 6));
        }
    }
}

#[tokio::test]
async fn verify_sets_a_flipped_blob_aside() {
    let (folder, cache) = open().await;
    put(&cache, "k", body(6_000_000, 7)).await;
    let blob = only_file(folder.path(), "blobs").unwrap();
    let whole = cache.verify().await.unwrap();
    assert_eq!(
        (whole.blobs, whole.bytes, whole.damaged.len()),
        (1, 6_000_000, 0)
    );
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[5_999_999] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    assert_eq!(cache.verify().await.unwrap().damaged.len(), 1);
    assert_eq!(
        std::fs::read_dir(folder.path().join("damaged"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(look(&cache, "k").await, None);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn eviction_keeps_the_bound_and_open_bodies_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        bytes_max: 1_000_000,
        ..limits()
    };
    let cache = Cache::open(folder.path(), limits).await.unwrap();
    scanned(&cache).await;
    let first = put(&cache, "k0", body(200_000, 0)).await;
    for number in 1..20 {
        let work = move |fill: Fill| async move {
            write(fill, body(200_000, number), meta(SystemTime::now()))
                .await
                .unwrap();
        };
        let (done, wait) = oneshot::channel();
        let follower = cache.join(&Key::new(&format!("k{number}")), |fill| async move {
            work(fill).await;
            done.send(()).unwrap();
        });
        follower.settled().await.unwrap();
        wait.await.unwrap();
        assert!(cache.stats().bytes <= 1_000_000);
    }
    assert!(cache.stats().evictions >= 15);
    assert!(first.bytes(1 << 20).await.unwrap() == body(200_000, 0));
    assert!(look(&cache, "k19").await.is_some());
    let shelves = std::fs::read_dir(folder.path().join("blobs")).unwrap();
    let blobs = shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap());
    assert_eq!(blobs.count() as u64, cache.stats().entries);
}

#[tokio::test]
async fn bodies_are_read_by_range_even_with_short_reads() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::new(Fault::None));
    let cache = Cache::open_on(disk.clone(), folder.path(), limits())
        .await
        .unwrap();
    let hit = put(&cache, "k", body(100_000, 8)).await;
    disk.set(Fault::ShortReads);
    let mut part = hit.body().range(10, 30).range(5, 9);
    assert_eq!(
        (part.len(), part.position(), part.in_memory().is_none()),
        (4, 15, true)
    );
    let mut all = Vec::new();
    while let Some(piece) = part.next(100).await.unwrap() {
        assert_eq!(piece.len(), 1);
        all.extend_from_slice(&piece);
    }
    assert_eq!(all, body(100_000, 8)[15..19]);
    assert!(matches!(hit.bytes(10).await, Err(Error::TooLarge { .. })));
    assert!(hit.body().range(200_000, 300_000).is_empty());
}

#[tokio::test]
async fn without_a_working_disk_bodies_pass_through() {
    for fault in [Fault::NoSpace, Fault::SyncFails, Fault::CrashAt(0)] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Faulty::new(Fault::None));
        let cache = Cache::open_on(disk.clone(), folder.path(), limits())
            .await
            .unwrap();
        scanned(&cache).await;
        disk.set(fault);
        // A disk that lies at the very end has let the writer run ahead: who is further behind than the window has
        // only the file to read, and fails.
        let sizes = match fault {
            Fault::SyncFails => [1000, 300_000, 1_000_000],
            _ => [1000, 3_000_000, 20_000_000],
        };
        for size in sizes {
            let bytes = body(size, 9);
            let work = bytes.clone();
            let mut follower = cache.join(&Key::new("k"), |fill| async move {
                write(fill, work, meta(SystemTime::now())).await.unwrap();
            });
            let all = read(&mut follower).await;
            let all = all.unwrap_or_else(|error| panic!("{fault:?} {size}: {error:?}"));
            assert!(all == bytes, "{fault:?} {size}");
            assert_eq!(look(&cache, "k").await, None);
        }
        assert_eq!(cache.stats().passed_through, 3);
        disk.set(Fault::None);
        put(&cache, "k", body(1000, 1)).await;
        assert_eq!(look(&cache, "k").await.unwrap(), body(1000, 1));
    }
}

/// In memory if there is such a place: the faulty disk plays the power cut, fsync only costs time.
fn memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Two bodies one after the other under one key, then a link; ignores failures.
async fn busy(cache: &Cache) {
    for number in [1, 2] {
        let work = move |fill| async move {
            let _ = write(fill, body(300_000, number), meta(SystemTime::now())).await;
        };
        let _ = cache.join(&Key::new("k"), work).settled().await;
    }
    let _ = cache.link(&Key::new("k"), &Key::new("l")).await;
    let _ = cache.purge("k").await;
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_old_new_or_nothing() {
    let count = {
        let folder = memory_folder();
        let disk = Arc::new(Faulty::new(Fault::None));
        let cache = Cache::open_on(disk.clone(), folder.path(), limits())
            .await
            .unwrap();
        busy(&cache).await;
        disk.calls()
    };
    assert!(count > 20, "{count}");
    for (call, lose_names) in (1..=count).flat_map(|call| [(call, true), (call, false)]) {
        let folder = memory_folder();
        let disk = Arc::new(Faulty::new(Fault::CrashAt(call)));
        if let Ok(cache) = Cache::open_on(disk.clone(), folder.path(), limits()).await {
            busy(&cache).await;
        }
        closed(folder.path()).await;
        disk.cut(lose_names);
        let cache = Cache::open(folder.path(), limits()).await.unwrap();
        scanned(&cache).await;
        for key in ["k", "l"] {
            let found = look(&cache, key).await;
            let known = [body(300_000, 1), body(300_000, 2)];
            assert!(
                found.is_none_or(|found| known.contains(&found)),
                "{key} after {call}"
            );
        }
        let report = cache.verify().await.unwrap();
        assert!(report.damaged.is_empty(), "after {call}: {report:?}");
        assert_eq!(report.bytes, cache.stats().bytes, "after {call}");
        assert_eq!(
            std::fs::read_dir(folder.path().join("staging"))
                .unwrap()
                .count(),
            0
        );
    }
}
