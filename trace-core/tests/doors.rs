//! Any nesting of the three doors gives the right parents: random programs of nested spans, awaits, spawned tasks and
//! threads, compared with a model that knows only who is inside of whom.
#![cfg(all(feature = "otel", feature = "tracing", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use trace_core::pipeline::{DestinationConfig, Pipeline};
use trace_core::record::otel::{Tracer, TracerProvider};
use trace_core::record::tracing_layer::TraceLayer;
use trace_core::record::{InContext as _, InSpan as _, Recorder, current_context};
use trace_core::testing::CaptureExporter;
use trace_core::{async_span, span};
use tracing::instrument::{Instrument as _, WithSubscriber as _};
use tracing_subscriber::layer::SubscriberExt as _;

/// Through which door a span comes.
#[derive(Clone, Copy, Debug)]
enum Door {
    Macro,
    Api,
    Tracing,
}

/// What a program does.
#[derive(Clone, Debug)]
enum Step {
    /// A span, and what happens inside of it.
    Span(Door, Vec<Step>),
    /// A span around a future, which may change its thread at each `await`.
    AsyncSpan(Door, Vec<Step>),
    /// Gives way to other tasks.
    Yield,
    /// Goes on in a task, below the same span.
    Spawn(Vec<Step>),
    /// Goes on in another thread, below the same span.
    Thread(Vec<Step>),
}

/// Steps in code that may not await.
fn plain(steps: &[Step]) -> Vec<Step> {
    steps
        .iter()
        .filter_map(|s| match s {
            Step::Span(d, inner) | Step::AsyncSpan(d, inner) => Some(Step::Span(*d, plain(inner))),
            Step::Thread(inner) => Some(Step::Thread(plain(inner))),
            Step::Yield | Step::Spawn(_) => None,
        })
        .collect()
}

fn door() -> impl Strategy<Value = Door> {
    prop_oneof![Just(Door::Macro), Just(Door::Api), Just(Door::Tracing)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        2 => door().prop_map(|d| Step::Span(d, vec![])),
        2 => Just(Step::Yield),
        1 => door().prop_map(|d| Step::AsyncSpan(d, vec![])),
    ];
    let step = leaf.prop_recursive(5, 40, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            3 => (door(), some()).prop_map(|(d, s)| Step::Span(d, s)),
            4 => (door(), some()).prop_map(|(d, s)| Step::AsyncSpan(d, s)),
            1 => some().prop_map(Step::Spawn),
            1 => some().prop_map(Step::Thread),
        ]
    });
    prop::collection::vec(step, 1..5)
}

/// What the spans are expected to be: number of the parent by number.
#[derive(Clone)]
struct World {
    recorder: Recorder,
    /// Without it, what would go through the API goes through the macro.
    tracer: Option<Arc<Tracer>>,
    dispatch: tracing::Dispatch,
    expected: Arc<Mutex<HashMap<i64, Option<i64>>>>,
    next: Arc<AtomicU32>,
}

impl World {
    fn number(&self, parent: Option<i64>) -> i64 {
        let n = self.next.fetch_add(1, Ordering::Relaxed).into();
        self.expected.lock().unwrap().insert(n, parent);
        n
    }

    fn door(&self, door: Door) -> Door {
        if self.tracer.is_none() && matches!(door, Door::Api) { Door::Macro } else { door }
    }

    fn api(&self, n: i64) -> Context {
        let tracer = self.tracer.as_deref().unwrap();
        let attributes = [opentelemetry::KeyValue::new("n", n)];
        Context::current_with_span(tracer.span_builder("api").with_attributes(attributes).start(tracer))
    }

    /// Whatever carries a span to another task or thread: the active one, through any door.
    fn run(&self, parent: Option<i64>, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Span(door, inner) => {
                    let n = self.number(parent);
                    match self.door(*door) {
                        Door::Macro => {
                            let _span = span!(recorder: &self.recorder, "macro", n = n);
                            self.run(Some(n), inner);
                        }
                        Door::Api => {
                            let _attached = self.api(n).attach();
                            self.run(Some(n), inner);
                        }
                        Door::Tracing => {
                            tracing::info_span!("tracing", n).in_scope(|| self.run(Some(n), inner))
                        }
                    }
                }
                Step::Thread(inner) => self.thread(parent, inner),
                Step::AsyncSpan(..) | Step::Yield | Step::Spawn(_) => unreachable!("not in plain code"),
            }
        }
    }

    fn thread(&self, parent: Option<i64>, inner: &[Step]) {
        let context = current_context();
        std::thread::scope(|s| {
            s.spawn(|| {
                let _entered = context.map(trace_core::record::enter_context);
                tracing::dispatcher::with_default(&self.dispatch, || self.run(parent, &plain(inner)));
                drop(_entered);
                assert_eq!(current_context(), None);
            });
        });
    }

    fn run_async<'a>(
        &'a self,
        parent: Option<i64>,
        steps: &'a [Step],
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            for step in steps {
                match step {
                    Step::Span(..) => self.run(parent, &plain(std::slice::from_ref(step))),
                    Step::Thread(inner) => self.thread(parent, inner),
                    Step::Yield => tokio::task::yield_now().await,
                    Step::AsyncSpan(door, inner) => {
                        let n = self.number(parent);
                        let future = self.run_async(Some(n), inner);
                        match self.door(*door) {
                            Door::Macro => {
                                future.in_span(async_span!(recorder: &self.recorder, "macro", n = n)).await;
                            }
                            Door::Api => future.with_context(self.api(n)).await,
                            Door::Tracing => future.instrument(tracing::info_span!("tracing", n)).await,
                        }
                    }
                    Step::Spawn(inner) => {
                        let (world, inner) = (self.clone(), inner.clone());
                        let task = async move { world.run_async(parent, &inner).await };
                        let task = task.with_subscriber(self.dispatch.clone());
                        let handle = match current_context() {
                            Some(c) => tokio::spawn(task.in_context(c)),
                            None => tokio::spawn(task),
                        };
                        handle.await.unwrap();
                    }
                }
            }
        })
    }
}

fn check(program: &[Step], workers: usize, api: bool) {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder()
        .export_spans_with(
            "out",
            out.clone(),
            DestinationConfig { queue_bytes: usize::MAX, ..Default::default() },
        )
        .start()
        .unwrap();
    let recorder = pipeline.recorder().clone();
    let subscriber = tracing_subscriber::registry().with(TraceLayer::new(recorder.clone()));
    let world = World {
        tracer: api.then(|| Arc::new(TracerProvider::new(recorder.clone()).tracer("doors"))),
        recorder,
        dispatch: subscriber.into(),
        expected: Arc::default(),
        next: Arc::new(AtomicU32::new(1)),
    };
    let (w, steps) = (world.clone(), program.to_vec());
    let all = async move { w.run_async(None, &steps).await }.with_subscriber(world.dispatch.clone());
    if workers == 0 {
        // A runtime of one thread, with other tasks between.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(all);
        tracing::dispatcher::with_default(&world.dispatch, || world.run(None, &plain(program)));
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap();
        runtime.block_on(async { tokio::spawn(all).await.unwrap() });
    }
    assert_eq!(current_context(), None);
    assert!(!Context::current().has_active_span());
    pipeline.flush(Duration::from_secs(10)).unwrap();
    let expected = world.expected.lock().unwrap().clone();
    let number = |s: &trace_core::model::SpanData| match s.attributes[0].value {
        trace_core::model::Value::I64(n) => n,
        _ => panic!("{s:?}"),
    };
    let spans = out.spans();
    let by_id: HashMap<_, _> = spans.iter().map(|s| (s.context.span_id, number(s))).collect();
    let got: HashMap<_, _> = spans
        .iter()
        .map(|s| (number(s), s.parent_span_id.map(|id| by_id.get(&id).copied().unwrap_or(-1))))
        .collect();
    assert_eq!(got, expected);
    for s in &spans {
        let parent = s.parent_span_id.and_then(|id| spans.iter().find(|p| p.context.span_id == id));
        assert!(parent.is_none_or(|p| p.context.trace_id == s.context.trace_id));
    }
    let ledger = pipeline.ledger();
    assert_eq!((ledger.open, ledger.delivered as usize), (0, expected.len()), "{ledger:?}");
}

#[test]
fn any_nesting_of_the_doors_gives_the_right_parents() {
    // The `opentelemetry` API changes how the other doors record, from its first use on: hence the order.
    for api in [false, true] {
        let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
        let run = |(program, workers): (Vec<Step>, usize)| {
            check(&program, workers, api);
            Ok(())
        };
        TestRunner::new(config).run(&(steps(), 0..3_usize), run).unwrap();
    }
}
