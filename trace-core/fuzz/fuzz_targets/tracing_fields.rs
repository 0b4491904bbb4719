//! Spans and events of `tracing` with any names, targets, fields and values, through the layer.
//!
//! Callsites are static in `tracing`, so each different one is leaked; there is a bound on how many. The values are
//! different each time.

#![no_main]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use trace_core::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::pipeline::Pipeline;
use trace_core::record::tracing_layer::TraceLayer;
use trace_core::signal::{ExportError, SpanExporter};
use tracing::{Dispatch, Event, Span};
use tracing_subscriber::layer::SubscriberExt;

use callsite::Callsite;
use values::Values;

#[path = "tracing_fields/callsite.rs"]
mod callsite;
#[path = "tracing_fields/values.rs"]
mod values;

/// Checks what arrives. A panic here ends the run, as it does everywhere.
struct Check;

#[async_trait]
impl SpanExporter for Check {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        for span in batch.iter() {
            let data = span.to_span_data();
            assert!(data.attributes.len() <= 128 && data.events.len() <= 128 && data.links.len() <= 128);
            assert!(data.end >= data.start);
        }
        Ok(())
    }
}

static PIPELINE: LazyLock<Pipeline> =
    LazyLock::new(|| Pipeline::builder().export_spans("check", Check).start().expect("a thread"));
static DISPATCH: LazyLock<Dispatch> = LazyLock::new(|| {
    Dispatch::new(tracing_subscriber::registry().with(TraceLayer::new(PIPELINE.recorder().clone())))
});

/// Bounds the memory that leaked callsites take. Later ones fall together with one of these: such an input alone may
/// do otherwise.
const MAX_CALLSITES: usize = 5_000;

#[derive(Default)]
struct Callsites {
    by_line: HashMap<Vec<u8>, usize>,
    all: Vec<&'static Callsite>,
}

thread_local! {
    static CALLSITES: RefCell<Callsites> = RefCell::default();
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

/// The callsite that a line describes.
fn callsite(line: &[u8]) -> &'static Callsite {
    CALLSITES.with_borrow_mut(|known| {
        let at = match known.by_line.get(line) {
            Some(at) => *at,
            None if known.all.len() == MAX_CALLSITES => {
                line.iter().fold(0_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(*b)))
                    % MAX_CALLSITES
            }
            None => {
                known.by_line.insert(line.to_vec(), known.all.len());
                known.all.push(Callsite::leaked(line));
                known.all.len() - 1
            }
        };
        known.all[at]
    })
}

fuzz_target!(|input: &[u8]| {
    // The first line is the callsite of the span, the second that of an event; the rest is values.
    let mut lines = input.splitn(3, |b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (span, event) = (callsite(line()), callsite(line()));
    let mut rest = line();
    tracing::dispatcher::with_default(&DISPATCH, || {
        let span = Values::read(&mut rest).with(span, |m, values| Span::new(m, values));
        span.in_scope(|| {
            // Few, so that a run stays short; more than the limit of events in some.
            for _ in 0..rest.first().map_or(1, |n| n % 8) {
                Values::read(&mut rest).with(event, |m, values| Event::dispatch(m, values));
            }
            Values::read(&mut rest).with(event, |m, values| {
                let _child = Span::new(m, values).entered();
                span.follows_from(Span::current().id());
            });
        });
    });
    RUNS.set(RUNS.get().wrapping_add(1));
    if RUNS.get() % 64 == 0 {
        PIPELINE.flush(Duration::from_secs(10)).expect("the pipeline follows");
    }
});

/// As implementations of other people are: not always well-behaved.
struct Unruly;

impl fmt::Debug for Unruly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("begun")?;
        Err(fmt::Error)
    }
}
