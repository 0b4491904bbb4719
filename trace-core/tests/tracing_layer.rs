//! What the `tracing` layer promises, as a program uses it.
#![cfg(all(feature = "tracing-fmt", feature = "otel", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use trace_core::model::{
    KeyValue, SpanContext, SpanData, SpanId, SpanKind, Status, TraceFlags, TraceId, Value,
};
use trace_core::pipeline::Pipeline;
use trace_core::record::tracing_layer::{SetParentError, TraceLayer, TraceSpanExt};
use trace_core::record::{Recorder, RecorderBuilder, SpanLimits};
use trace_core::sample::{AlwaysOff, AlwaysOn, ParentBased};
use trace_core::testing::CaptureExporter;
use tracing::instrument::{Instrument, WithSubscriber};
use tracing::{Level, error, info, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

struct World {
    pipeline: Pipeline,
    out: CaptureExporter,
}

impl World {
    fn new() -> Self {
        Self::with(|b| b)
    }

    fn with(f: impl FnOnce(RecorderBuilder) -> RecorderBuilder) -> Self {
        let out = CaptureExporter::new();
        let recorder = f(Recorder::builder());
        let pipeline =
            Pipeline::builder().recorder(recorder).export_spans("out", out.clone()).start().unwrap();
        Self { pipeline, out }
    }

    fn recorder(&self) -> &Recorder {
        self.pipeline.recorder()
    }

    fn layer(&self) -> TraceLayer {
        TraceLayer::new(self.recorder().clone())
    }

    fn run(&self, f: impl FnOnce()) -> Vec<SpanData> {
        self.run_in(Registry::default().with(self.layer()), f)
    }

    fn run_in(&self, subscriber: impl Into<tracing::Dispatch>, f: impl FnOnce()) -> Vec<SpanData> {
        tracing::dispatcher::with_default(&subscriber.into(), f);
        self.spans()
    }

    fn spans(&self) -> Vec<SpanData> {
        self.pipeline.flush(Duration::from_secs(10)).unwrap();
        self.out.spans()
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:?}"))
}

fn parent_of<'a>(spans: &'a [SpanData], name: &str) -> Option<&'a str> {
    let parent = named(spans, name).parent_span_id?;
    spans.iter().find(|s| s.context.span_id == parent).map(|s| s.name.as_ref())
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    attributes.iter().find(|kv| kv.key == key).and_then(|kv| kv.value.as_ref().as_str())
}

fn remote(flags: TraceFlags) -> SpanContext {
    let mut c = SpanContext::new(TraceId::from_random(42), SpanId::new(7).unwrap(), flags);
    c.is_remote = true;
    c
}

#[test]
fn a_value_that_is_recorded_again_and_again_is_replaced_and_takes_no_room() {
    let w = World::new();
    let spans = w.run(|| {
        let span = info_span!("job", progress = tracing::field::Empty, n = tracing::field::Empty);
        for i in 0..100_000 {
            span.record("progress", format!("{i} of many, and some text that makes it long").as_str());
            span.record("n", i);
        }
    });
    let job = named(&spans, "job");
    assert_eq!(job.attributes.len(), 2);
    assert!(text(&job.attributes, "progress").unwrap().starts_with("99999 of"));
    assert_eq!(job.attributes[1].value, Value::I64(99_999));
    assert_eq!(w.recorder().counts().edits_dropped, 0);
}

#[test]
fn a_span_that_lives_long_keeps_its_first_events_and_counts_the_rest_without_formatting_them() {
    struct Counts(Arc<Mutex<u32>>);
    impl std::fmt::Debug for Counts {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            *self.0.lock().unwrap() += 1;
            f.write_str("formatted")
        }
    }
    let w = World::with(|b| {
        b.limits(SpanLimits { events: 4, attributes: 3, event_attributes: 3, ..SpanLimits::default() })
    });
    let formatted = Arc::new(Mutex::new(0));
    let spans = w.run(|| {
        let _job = info_span!("job", a = 1, b = 2, c = 3, d = 4, e = 5).entered();
        for i in 0..1000 {
            info!(i, x = ?Counts(formatted.clone()), y = 1, "tick");
        }
        error!("the last one");
    });
    let job = named(&spans, "job");
    assert_eq!((job.events.len(), job.dropped_events), (4, 997));
    assert_eq!((job.attributes.len(), job.dropped_attributes), (3, 2));
    assert_eq!((job.events[0].attributes.len(), job.events[0].dropped_attributes), (3, 2));
    assert_eq!(*formatted.lock().unwrap(), 4);
    assert_eq!(job.status, Status::Error("".into()), "an error counts even when its event is not kept");
}

#[test]
fn otel_fields_steer_the_span_at_its_start_and_later() {
    let w = World::new();
    let spans = w.run(|| {
        let s = info_span!(
            "site",
            otel.name = tracing::field::Empty,
            otel.kind = "CLIENT",
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty,
        );
        s.record("otel.name", "GET /x");
        s.record("otel.status_code", "ERROR");
        s.record("otel.status_description", "no disk");
        info_span!("other", otel.kind = ?SpanKind::Producer, otel.status_description = "bad", n = 1);
    });
    let s = named(&spans, "GET /x");
    assert_eq!((s.kind, &s.status), (SpanKind::Client, &Status::Error("no disk".into())));
    assert!(s.attributes.is_empty());
    let other = named(&spans, "other");
    assert_eq!((other.kind, &other.status), (SpanKind::Producer, &Status::Error("bad".into())));
    assert_eq!(other.attributes, [KeyValue::new("n", 1)]);
}

#[test]
fn errors_become_exceptions_and_set_the_status() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);
    #[tracing::instrument(err)]
    fn fails() -> Result<(), String> {
        Err("it broke".into())
    }
    let w = World::new();
    let spans = w.run(|| {
        let _ = fails();
        let e = Outer(std::io::Error::other("inner"));
        info_span!("logs").in_scope(|| error!(error = &e as &dyn std::error::Error, "cannot save"));
        info_span!("warns").in_scope(|| tracing::warn!("careful"));
        info_span!("is fine", otel.status_code = "ok").in_scope(|| error!("handled"));
    });
    let fails = named(&spans, "fails");
    assert_eq!(fails.status, Status::Error("it broke".into()));
    assert_eq!(fails.events[0].name, "exception");
    assert_eq!(text(&fails.events[0].attributes, "exception.message"), Some("it broke"));
    let logs = named(&spans, "logs");
    assert_eq!((logs.events[0].name.as_ref(), &logs.status), ("cannot save", &Status::Error("".into())));
    let of = |key| text(&logs.events[0].attributes, key);
    assert_eq!((of("error"), of("exception.message")), (Some("outer"), Some("outer")));
    assert_eq!(of("exception.stacktrace"), Some("outer\nCaused by: inner"));
    assert!(logs.events[0].attributes.contains(&KeyValue::new("error.chain", vec!["inner"])));
    assert_eq!(named(&spans, "warns").status, Status::Unset);
    assert_eq!(named(&spans, "is fine").status, Status::Ok, "Ok is final");
}

#[test]
fn a_span_ends_when_it_was_left_last_even_if_a_child_outlives_it() {
    let (clock, hand) = trace_core::clock::Clock::manual(trace_core::model::Timestamp::from_unix_secs(1_000));
    let w = World::with(|b| b.clock(clock));
    let spans = w.run(|| {
        let parent = info_span!("parent");
        let again = parent.clone();
        let child = parent.in_scope(|| {
            hand.advance(Duration::from_secs(1));
            info_span!("child")
        });
        hand.advance(Duration::from_secs(1));
        std::thread::scope(|s| {
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            let hand = &hand;
            s.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    again.in_scope(|| hand.advance(Duration::from_secs(1)));
                });
            });
        });
        drop(parent);
        hand.advance(Duration::from_secs(5));
        drop(child);
        let never_entered = info_span!("never entered");
        hand.advance(Duration::from_secs(2));
        drop(never_entered);
    });
    let seconds = |name| {
        let s = named(&spans, name);
        (s.start.unix_nanos() / 1_000_000_000 - 1_000, s.end.unix_nanos() / 1_000_000_000 - 1_000)
    };
    assert_eq!(seconds("parent"), (0, 3));
    assert_eq!(seconds("child"), (1, 8));
    assert_eq!(seconds("never entered"), (8, 10));
    assert_eq!(parent_of(&spans, "child"), Some("parent"));
}

#[test]
fn what_a_filter_hides_is_skipped_and_its_children_belong_to_the_nearest_span_that_is_seen() {
    let w = World::new();
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info,noisy=off"));
    let subscriber =
        Registry::default().with(w.layer().with_filter(filter)).with(fmt::layer().with_writer(std::io::sink));
    let spans = w.run_in(subscriber, || {
        let outer = info_span!("outer").entered();
        let hidden = info_span!(target: "noisy", "hidden").entered();
        let inner = info_span!("inner").entered();
        tracing::debug!("too low");
        info!("kept");
        info_span!(parent: &hidden, "below what is hidden");
        drop(inner);
        info!("of outer");
        drop((hidden, outer));
        handle.reload(EnvFilter::new("off")).unwrap();
        info_span!("after the filter was reloaded").in_scope(|| info!("nor this"));
    });
    assert_eq!(spans.len(), 3, "{spans:?}");
    assert_eq!(parent_of(&spans, "inner"), Some("outer"));
    assert_eq!(parent_of(&spans, "below what is hidden"), None);
    let events = |name| named(&spans, name).events.iter().map(|e| e.name.to_string()).collect::<Vec<_>>();
    assert_eq!((events("inner"), events("outer")), (vec!["kept".into()], vec!["of outer".to_owned()]));
}

#[test]
fn options_add_attributes_and_limit_events() {
    let w = World::new();
    let layer = w
        .layer()
        .with_location(true)
        .with_level(true)
        .with_target(true)
        .with_thread_names(true)
        .with_events(Level::WARN);
    let spans = w.run_in(Registry::default().with(layer), || {
        let _s = info_span!(target: "my::target", "s").entered();
        info!("left out");
        tracing::warn!("kept");
    });
    let s = named(&spans, "s");
    let of = |key| text(&s.attributes, key);
    assert_eq!((of("level"), of("target")), (Some("INFO"), Some("my::target")));
    assert!(of("code.file.path").unwrap().ends_with("tracing_layer.rs"));
    assert_eq!(of("code.module.name"), Some(module_path!()));
    assert!(s.attributes.iter().any(|kv| kv.key == "code.line.number"));
    assert!(of("thread.name").unwrap().contains("options_add"));
    assert_eq!(s.events.iter().map(|e| e.name.as_ref()).collect::<Vec<_>>(), ["kept"]);
    assert!(text(&s.events[0].attributes, "code.file.path").is_some());
}

#[test]
fn a_parent_that_came_over_the_wire_decides_and_the_identity_goes_on() {
    for (sampled_at_home, flags) in [(true, 1), (true, 0), (false, 1), (false, 0)] {
        let w = World::with(|b| {
            if sampled_at_home {
                b.sampler(ParentBased::new(AlwaysOn))
            } else {
                b.sampler(ParentBased::new(AlwaysOff))
            }
        });
        let parent = remote(TraceFlags(flags));
        let spans = w.run(|| {
            let span = info_span!("request", id = 5);
            span.set_parent(parent.clone()).unwrap();
            span.record("id", 6);
            span.in_scope(|| info_span!("step"));
            let sent = span.trace_context().unwrap();
            assert_eq!((sent.trace_id, sent.flags.is_sampled()), (parent.trace_id, flags == 1));
            assert_eq!(span.set_parent(parent.clone()), Err(SetParentError::TooLate));
        });
        assert_eq!(spans.len(), if flags == 1 { 2 } else { 0 }, "{sampled_at_home} {flags}");
        if flags == 1 {
            let request = named(&spans, "request");
            assert_eq!(
                (request.context.trace_id, request.parent_span_id),
                (parent.trace_id, Some(parent.span_id))
            );
            assert!(request.parent_is_remote);
            assert_eq!(request.attributes, [KeyValue::new("id", 6)]);
            assert_eq!(parent_of(&spans, "step"), Some("request"));
        }
        let ledger = w.pipeline.ledger();
        assert!(ledger.adds_up());
        assert_eq!((ledger.open, ledger.delivered as usize), (0, spans.len()));
    }
    assert_eq!(tracing::Span::none().set_parent(remote(TraceFlags::SAMPLED)), Err(SetParentError::NotSeen));
}

#[test]
fn an_opentelemetry_propagator_reads_and_sets_the_context() {
    use opentelemetry::trace::TraceContextExt as _;
    let w = World::new();
    let spans = w.run(|| {
        let cx =
            opentelemetry::Context::new().with_remote_span_context(opentelemetry::trace::SpanContext::new(
                opentelemetry::TraceId::from_bytes([7; 16]),
                opentelemetry::SpanId::from_bytes([9; 8]),
                opentelemetry::TraceFlags::SAMPLED,
                true,
                "vendor=1".parse().unwrap(),
            ));
        let span = info_span!("request");
        span.set_otel_parent(&cx).unwrap();
        let out = span.otel_context();
        assert_eq!(out.span().span_context().trace_id().to_bytes(), [7; 16]);
        assert_eq!(out.span().span_context().trace_state().header(), "vendor=1");
        span.set_attribute("undeclared", 1);
        span.add_event("by hand", vec![KeyValue::new("k", "v")]);
        span.add_link(remote(TraceFlags::SAMPLED), vec![]);
        span.set_status(Status::Ok);
    });
    let s = named(&spans, "request");
    assert_eq!(s.parent_span_id.unwrap().to_bytes(), [9; 8]);
    assert_eq!(s.context.trace_state.as_str(), "vendor=1");
    assert_eq!((s.attributes.len(), s.events.len(), s.links.len(), &s.status), (1, 1, 1, &Status::Ok));
}

#[test]
fn futures_keep_their_span_across_await_spawn_and_threads() {
    let w = World::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let dispatch = tracing::Dispatch::new(Registry::default().with(w.layer()));
    let of_root = Mutex::new(None);
    let spans = w.run_in(dispatch.clone(), || {
        let work = |i: u32| {
            async move {
                for step in 0..3 {
                    tokio::task::yield_now().await;
                    info_span!("step", step).in_scope(|| ());
                    info!(i, "event");
                }
            }
            .instrument(info_span!("task", i))
        };
        let root = info_span!("root");
        *of_root.lock().unwrap() = root.trace_context();
        let tasks: Vec<_> = root
            .in_scope(|| (0..20).map(|i| runtime.spawn(work(i).with_subscriber(dispatch.clone()))).collect());
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    // The registry closes a parent through the default dispatcher, which workers do not have when a future is dropped:
    // the root may stay open here.
    let root = of_root.into_inner().unwrap().unwrap().span_id;
    let spans: Vec<_> = spans.into_iter().filter(|s| s.name != "root").collect();
    let tasks: Vec<_> = spans.iter().filter(|s| s.name == "task").collect();
    assert_eq!((tasks.len(), spans.len()), (20, 80));
    assert!(tasks.iter().all(|t| t.parent_span_id == Some(root) && t.events.len() == 3));
    for step in spans.iter().filter(|s| s.name == "step") {
        assert!(tasks.iter().any(|t| Some(t.context.span_id) == step.parent_span_id));
    }
}

#[test]
fn a_span_that_never_closes_is_counted_as_open_and_its_layer_leaves_nothing_behind() {
    let w = World::new();
    let spans = w.run(|| {
        std::mem::forget(info_span!("forgotten"));
        info_span!("closed");
    });
    assert_eq!(spans.len(), 1);
    assert_eq!(w.pipeline.ledger().open, 1);
    // Another layer, whose subscriber gives the same ids again, knows nothing of it.
    let spans = w.run(|| drop(info_span!("fresh").entered()));
    assert_eq!((spans.len(), parent_of(&spans, "fresh")), (2, None));
}

#[test]
fn two_layers_on_one_subscriber_record_the_same_tree() {
    let (a, b) = (World::new(), World::new());
    let subscriber = Registry::default().with(a.layer()).with(b.layer());
    tracing::subscriber::with_default(subscriber, || {
        let _outer = info_span!("outer").entered();
        info!("event");
        info_span!("inner");
    });
    for spans in [a.spans(), b.spans()] {
        assert_eq!((spans.len(), named(&spans, "outer").events.len()), (2, 1));
    }
}

#[test]
fn records_of_the_log_crate_are_events_with_their_own_target() {
    let w = World::new();
    let spans = w.run(|| {
        let _s = info_span!("s").entered();
        tracing_log::format_trace(
            &log::Record::builder()
                .args(format_args!("from log"))
                .level(log::Level::Warn)
                .target("old::crate")
                .line(Some(3))
                .build(),
        )
        .unwrap();
    });
    let e = &named(&spans, "s").events[0];
    assert_eq!(e.name, "from log");
    assert_eq!(e.attributes, [KeyValue::new("level", "WARN"), KeyValue::new("target", "old::crate")]);
}

#[test]
fn long_texts_are_cut_to_the_limit_at_a_character() {
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    let w = World::with(|b| b.limits(SpanLimits { value_length: 4, ..SpanLimits::default() }));
    let spans = w.run(|| {
        info_span!("t", text = "ünïcödé", short = "abc")
            .in_scope(|| info!(more = "abcdef", "a long message"));
        let tracer = trace_core::record::otel::TracerProvider::new(w.recorder().clone()).tracer("lib");
        let list =
            opentelemetry::Value::Array(vec!["abcdef".into(), opentelemetry::StringValue::from("a")].into());
        let attributes =
            [opentelemetry::KeyValue::new("text", "ünïcödé"), opentelemetry::KeyValue::new("list", list)];
        drop(tracer.span_builder("a").with_attributes(attributes).start(&tracer));
    });
    let t = named(&spans, "t");
    assert_eq!((text(&t.attributes, "text"), text(&t.attributes, "short")), (Some("ünïc"), Some("abc")));
    assert_eq!(
        (t.events[0].name.as_ref(), text(&t.events[0].attributes, "more")),
        ("a long message", Some("abcd"))
    );
    let a = named(&spans, "a");
    assert_eq!(a.attributes, [KeyValue::new("text", "ünïc"), KeyValue::new("list", vec!["abcd", "a"])]);
}

#[test]
fn a_value_that_fails_to_format_panics_nowhere() {
    struct Fails;
    impl std::fmt::Debug for Fails {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            Err(std::fmt::Error)
        }
    }
    let w = World::with(|b| b);
    let spans = w.run(|| {
        let _job = info_span!("job", otel.kind = ?Fails, otel.status_code = ?Fails, x = ?Fails).entered();
        error!(error = ?Fails);
    });
    assert_eq!(text(&named(&spans, "job").attributes, "x"), Some("half"));
}
