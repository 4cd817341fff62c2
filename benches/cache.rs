//! What the on-disk cache costs a sentence: found, not found, and written.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fineprint::cache::Cache;
use fineprint::classify::{Store, StoreKey};
use fineprint::limits::CACHE_BYTES;

/// Sentences that a worker looks up at once.
const LOT: usize = 16;
/// Sentences in the file.
const KEPT: u64 = 20_000;

fn key(n: u64) -> StoreKey {
    let mut key = [0; 32];
    for (i, part) in key.chunks_exact_mut(8).enumerate() {
        let mixed = (n + 1 + i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
        part.copy_from_slice(&mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9).to_be_bytes());
    }
    key
}

fn rows(from: u64, count: u64) -> Vec<(StoreKey, Arc<[f32]>)> {
    (from..from + count).map(|n| (key(n), Arc::from([n as f32; 42]))).collect()
}

fn cache(c: &mut Criterion) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("cache");
    let Ok(cache) = Cache::open(&path, CACHE_BYTES) else { return };
    cache.put(rows(0, KEPT));
    drop(cache);
    let Ok(cache) = Cache::open(&path, CACHE_BYTES) else { return };
    let mut group = c.benchmark_group("cache");
    group.sample_size(20);
    // Elements are sentences.
    group.throughput(Throughput::Elements(LOT as u64));
    for (name, first) in [("found", 0), ("not found", KEPT)] {
        let mut at = first;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    at = first + (at + LOT as u64) % (KEPT - LOT as u64);
                    (at..at + LOT as u64).map(key).collect::<Vec<_>>()
                },
                |keys| cache.get(&keys),
                BatchSize::SmallInput,
            );
        });
    }
    drop(cache);
    let mut from = 2 * KEPT;
    group.throughput(Throughput::Elements(1024));
    group.bench_function("opened and 1,024 written", |b| {
        b.iter(|| {
            let cache = Cache::open(&path, CACHE_BYTES).ok()?;
            cache.put(rows(from, 1024));
            from += 1024;
            cache.close()
        });
    });
    group.finish();
}

criterion_group!(benches, cache);
criterion_main!(benches);
