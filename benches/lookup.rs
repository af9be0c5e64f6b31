//! How long the cache takes to find what it has: a fresh hit by its key, by the number of entries.
//!
//! `lookup` has its key ready; `body by text` begins with the caller's text and ends with the body's
//! bytes. Keys are taken in an order that jumps, so that the processor's caches do not hide the
//! size of the tables. Not here: entries read from disk, fills, HTTP.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cache::{Cache, Key, Limits, Lookup, Meta};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ENTRIES: [usize; 2] = [1_000, 100_000];
/// Other entries share these: committing a body costs milliseconds on some disks, a link does not.
const BODIES: usize = 500;
const BODY_BYTES: usize = 2_048;
/// Prime, and so has no divisor in common with the number of entries.
const JUMP: usize = 7_919;

/// A cache that is full of fresh entries.
struct Full {
    cache: Cache,
    texts: Vec<String>,
    keys: Vec<Key>,
    now: SystemTime,
    _folder: TempDir,
}

fn fresh_hits(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let mut bench = criterion.benchmark_group("lookup");
    for count in ENTRIES {
        let full = runtime.block_on(fill(count));
        bench.bench_function(BenchmarkId::new("lookup", count), |bencher| {
            bencher.iter_custom(|times| runtime.block_on(look_up(&full, times)));
        });
        bench.bench_function(BenchmarkId::new("body by text", count), |bencher| {
            bencher.iter_custom(|times| runtime.block_on(read_body(&full, times)));
        });
        close(&runtime, full);
    }
    bench.finish();
}

async fn look_up(full: &Full, times: u64) -> Duration {
    let mut at = 0;
    let start = Instant::now();
    for _ in 0..times {
        at = (at + JUMP) % full.keys.len();
        let found = full.cache.lookup(black_box(&full.keys[at]), full.now).await;
        assert!(matches!(black_box(found), Lookup::Fresh(_)));
    }
    start.elapsed()
}

async fn read_body(full: &Full, times: u64) -> Duration {
    let mut at = 0;
    let start = Instant::now();
    for _ in 0..times {
        at = (at + JUMP) % full.texts.len();
        let key = Key::new(black_box(&full.texts[at]));
        let Lookup::Fresh(hit) = full.cache.lookup(&key, full.now).await else {
            panic!("{key} is not fresh");
        };
        assert_eq!(
            black_box(hit.bytes(1 << 20).await).unwrap().len(),
            BODY_BYTES
        );
    }
    start.elapsed()
}

/// Bodies are committed, and all entries beyond them are links.
async fn fill(count: usize) -> Full {
    let folder = tempfile::tempdir().unwrap();
    // Twice the room: memory that is just full may refuse the newest.
    let limits = Limits {
        memory_entries: 2 * count as u64,
        ..Limits::default()
    };
    let cache = Cache::open(folder.path(), limits).await.unwrap();
    let text = |number| format!("npm|public|artifact|package-{number}|package-{number}-1.0.0.tgz");
    let texts: Vec<_> = (0..count).map(text).collect();
    let keys: Vec<_> = texts.iter().map(|text| Key::new(text)).collect();
    let now = SystemTime::now();
    for (number, key) in keys.iter().enumerate() {
        if number < BODIES {
            commit(&cache, key, number, now).await;
        } else {
            assert!(cache.link(&keys[number % BODIES], key).await.unwrap());
        }
    }
    let full = Full {
        cache,
        texts,
        keys,
        now,
        _folder: folder,
    };
    // Whatever is still to be read from disk is read now.
    look_up(&full, count as u64).await;
    full
}

async fn commit(cache: &Cache, key: &Key, number: usize, now: SystemTime) {
    let body: Bytes = number
        .to_be_bytes()
        .into_iter()
        .cycle()
        .take(BODY_BYTES)
        .collect();
    let follower = cache.join(key, |mut fill| async move {
        let meta = Meta::new(now, Duration::from_secs(24 * 60 * 60));
        fill.start(meta, Some(BODY_BYTES as u64)).await.unwrap();
        fill.write(body).await.unwrap();
        fill.commit(&[]).await.unwrap();
    });
    assert!(follower.settled().await.unwrap().is_some());
}

/// Removes the folder only when the cache is closed.
fn close(runtime: &Runtime, full: Full) {
    let _inside = runtime.enter();
    let Full {
        cache,
        _folder: folder,
        ..
    } = full;
    drop(cache);
    folder.close().unwrap();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = short(); targets = fresh_hits }
criterion_main!(benches);
