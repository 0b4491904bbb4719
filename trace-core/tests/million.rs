//! A million spans by every door, from threads and tasks that panic, hand spans over and end, with a shutdown at a
//! random moment: the account holds each of them.
//!
//! Every run has a seed of its own and names it when it fails; `TRACE_STRESS_SEED=N` repeats that run, as far as the
//! threads allow, and `TRACE_STRESS_RUNS=N` makes more runs.
#![cfg(all(feature = "otel", feature = "tracing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use trace_core::batch::SpanBatch;
use trace_core::pipeline::{DestinationConfig, Ledger, Pipeline};
use trace_core::record::otel::{Tracer, TracerProvider};
use trace_core::record::tracing_layer::TraceLayer;
use trace_core::record::{InSpan, Recorder, Span};
use trace_core::signal::{ExportError, SpanExporter};
use trace_core::{async_span, span};
use tracing_subscriber::layer::SubscriberExt;

const SPANS: u64 = 1_000_000;
const THREADS: u64 = 4;

/// Counts what arrives, and now and then takes its time.
struct Counting(Arc<AtomicU64>);

#[async_trait]
impl SpanExporter for Counting {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let before = self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        if before.is_multiple_of(7) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// xorshift64* (Vigna, 2016).
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// One thread's part.
struct Worker {
    recorder: Recorder,
    tracer: Tracer,
    dice: Dice,
    /// Open spans go to another thread, which ends them.
    give: SyncSender<Span>,
    made: u64,
}

impl Worker {
    /// A random tree of spans, at most this deep.
    fn tree(&mut self, depth: u64) {
        let r = self.recorder.clone();
        self.made += 1;
        match self.dice.roll(9) {
            0 | 1 => {
                let _leaf = span!(recorder: &r, "leaf", n = depth, text = "value");
            }
            2 => {
                let outer = span!(recorder: &r, "outer");
                self.below(depth);
                outer.set_attribute("late", true);
            }
            3 => {
                let _long = span!(recorder: &r, "long", text = "x".repeat(self.dice.roll(3_000) as usize));
                self.below(depth);
            }
            4 => {
                let given = async_span!(recorder: &r, "given");
                given.in_scope(|| self.below(depth));
                // A full channel gives it back; then it ends here.
                let _ = self.give.try_send(given);
            }
            5 => {
                let mut api = self.tracer.start("api");
                api.set_attribute(opentelemetry::KeyValue::new("n", 1));
                if self.dice.roll(2) == 0 {
                    let _attached = opentelemetry::Context::current_with_span(api).attach();
                    self.below(depth);
                }
            }
            6 => {
                let _entered = tracing::info_span!("tracing", n = depth).entered();
                self.below(depth);
            }
            7 => {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _fragile = span!(recorder: &r, "fragile");
                    self.below(depth);
                    resume_unwind(Box::new("boom"));
                }));
                assert!(caught.is_err());
            }
            _ => {
                let (first, second) = (span!(recorder: &r, "first"), span!(recorder: &r, "second"));
                self.made += 1;
                drop(first);
                self.below(depth);
                drop(second);
            }
        }
    }

    fn below(&mut self, depth: u64) {
        for _ in 0..self.dice.roll(3).min(depth) {
            self.tree(depth - 1);
        }
    }
}

/// Tasks that move between the threads of a runtime, some of them cancelled.
async fn tasks(recorder: Recorder, mut dice: Dice) -> u64 {
    let (mut open, mut made) = (Vec::new(), 0);
    for _ in 0..2_000 {
        let steps = dice.roll(4);
        let (r, done) = (recorder.clone(), Arc::new(AtomicU64::new(0)));
        let counted = done.clone();
        let task = async move {
            for _ in 0..steps {
                drop(span!(recorder: &r, "step"));
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        };
        made += 1;
        let task = tokio::spawn(task.in_span(async_span!(recorder: &recorder, "task")));
        if dice.roll(10) == 0 {
            task.abort();
        }
        open.push((task, done));
    }
    for (task, done) in open {
        let _ = task.await;
        made += done.load(Ordering::Relaxed);
    }
    made
}

/// How many spans were made, and the account after all of them ended.
fn run(seed: u64) -> (u64, Ledger) {
    let mut dice = Dice(seed | 1);
    let seen = Arc::new(AtomicU64::new(0));
    let interval = Duration::from_millis(1 + dice.roll(20));
    let config = DestinationConfig { queue_bytes: usize::MAX, ..DestinationConfig::default() };
    let pipeline = Pipeline::builder()
        .interval(interval)
        .export_spans_with("counting", Counting(seen.clone()), config)
        .start()
        .unwrap();
    let r = pipeline.recorder();
    let tracer = TracerProvider::new(r.clone()).tracer("million");
    let dispatch: tracing::Dispatch = tracing_subscriber::registry().with(TraceLayer::new(r.clone())).into();
    let made = AtomicU64::new(0);
    // In some runs before all spans are made, in some after.
    let shutdown_at = dice.roll(2 * SPANS);
    std::thread::scope(|scope| {
        let (give, given) = sync_channel(64);
        scope.spawn(move || given.iter().for_each(drop));
        for _ in 0..THREADS {
            let mut worker = Worker {
                recorder: r.clone(),
                tracer: tracer.clone(),
                dice: Dice(dice.roll(u64::MAX >> 33) | 1),
                give: give.clone(),
                made: 0,
            };
            let (made, dispatch) = (&made, dispatch.clone());
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    while made.load(Ordering::Relaxed) < SPANS {
                        worker.made = 0;
                        (0..100).for_each(|_| worker.tree(6));
                        made.fetch_add(worker.made, Ordering::Relaxed);
                    }
                });
            });
        }
        drop(give);
        let tasks_dice = Dice(dice.roll(u64::MAX >> 33) | 1);
        let made = &made;
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
            while made.load(Ordering::Relaxed) < SPANS {
                let more = runtime.block_on(tasks(r.clone(), tasks_dice.clone()));
                made.fetch_add(more, Ordering::Relaxed);
            }
        });
        while made.load(Ordering::Relaxed) < shutdown_at.min(SPANS) {
            assert!(pipeline.ledger().adds_up(), "seed {seed}: {:?}", pipeline.ledger());
            let _ = pipeline.flush(Duration::from_secs(20));
        }
        if shutdown_at < SPANS {
            let _ = pipeline.shutdown(Duration::from_secs(20));
        }
    });
    let _ = pipeline.shutdown(Duration::from_secs(20));
    let ledger = pipeline.ledger();
    assert_eq!(seen.load(Ordering::Relaxed), ledger.destinations[0].delivered, "seed {seed}: {ledger:?}");
    (made.load(Ordering::Relaxed), ledger)
}

#[test]
fn the_account_of_a_million_random_spans_adds_up_to_the_last_one() {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeded = std::collections::hash_map::RandomState::new();
    for i in 0..number("TRACE_STRESS_RUNS").unwrap_or(1) {
        let mut hasher = seeded.build_hasher();
        hasher.write_u64(i);
        let seed = number("TRACE_STRESS_SEED").unwrap_or_else(|| hasher.finish());
        let (made, ledger) = run(seed);
        assert!(ledger.adds_up(), "seed {seed}: {ledger:?}");
        assert!(made >= SPANS);
        assert_eq!(ledger.received + ledger.open, made, "seed {seed}: {ledger:?}");
    }
}
