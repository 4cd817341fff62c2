//! How near each kernel comes to what the processor can do, in the sizes of the shipped model.
//!
//! Elements are operations, so that Gelem/s reads as GOP/s (values for norms). After each kernel
//! that multiplies matrices its share of the peak is printed, which is measured first.

use std::cell::Cell;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use fineprint::model::probe::{Part, Probe, peak};
use fineprint::model::{Activation, Kernel, Numbers};

const HIDDEN: usize = 384;
const INNER: usize = 4 * HIDDEN;
/// Tokens that go through the feed-forward layers at a time.
const ROWS: usize = 48;
/// Rounds of a measurement of the peak.
const ROUNDS: u32 = 20_000;

/// Operations a nanosecond in the best sample so far.
#[derive(Default)]
struct Best(Cell<f64>);

impl Best {
    fn take(&self, operations: u64, time: Duration) {
        self.0.set(self.0.get().max(operations as f64 / time.as_nanos().max(1) as f64));
    }
}

/// Times `run`, which returns how many operations it did.
fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut() -> u64) -> f64 {
    let best = Best::default();
    group.throughput(Throughput::Elements(run()));
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            let start = Instant::now();
            let operations: u64 = (0..count).map(|_| run()).sum();
            let spent = start.elapsed();
            best.take(operations, spent);
            spent
        });
    });
    best.0.get()
}

fn kernels(c: &mut Criterion) {
    // The portable kernel would take a minute and is nobody's choice.
    for kernel in Kernel::available().filter(|&k| k != Kernel::Generic) {
        let mut group = c.benchmark_group(kernel.as_str());
        for (numbers, name) in [(Numbers::Int8, "int8"), (Numbers::F32, "f32")] {
            let most = peak(kernel, numbers, 1).map(|_| {
                time(&mut group, &format!("{name} peak"), || {
                    peak(kernel, numbers, ROUNDS).unwrap_or(0)
                })
            });
            let gelu = Some(Activation::Gelu);
            for (layer, inputs, outputs, activation) in [
                ("qkv", HIDDEN, 3 * HIDDEN, None),
                ("out", HIDDEN, HIDDEN, None),
                ("up", HIDDEN, INNER, None),
                ("up and GELU", HIDDEN, INNER, gelu),
                ("down", INNER, HIDDEN, None),
            ] {
                let part = Part::Dense { numbers, rows: ROWS, inputs, outputs, activation };
                share(&mut group, &format!("{name} {layer}"), kernel, part, most);
            }
            if numbers == Numbers::F32 {
                for tokens in [16, 34, 128] {
                    let part = Part::Attention { tokens, heads: 12, hidden: HIDDEN };
                    share(&mut group, &format!("attention {tokens}"), kernel, part, most);
                }
                let part = Part::Norm { rows: ROWS, width: HIDDEN };
                share(&mut group, "norm", kernel, part, None);
            }
        }
        group.finish();
    }
}

fn share(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    kernel: Kernel,
    part: Part,
    most: Option<f64>,
) {
    let Some(mut probe) = Probe::new(kernel, part) else { return };
    let operations = probe.operations();
    let speed = time(group, name, || {
        probe.run();
        operations
    });
    #[expect(clippy::print_stdout, reason = "a figure that criterion does not print")]
    if let Some(most) = most {
        println!("{kernel} {name}: {speed:.0} GOP/s, {:.0} % of the peak", 100.0 * speed / most);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = kernels);
criterion_main!(benches);
