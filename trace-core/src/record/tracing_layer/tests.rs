//! What the layer promises.

use tracing_subscriber::layer::SubscriberExt;

use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::*;
use crate::model::{KeyValue, SpanData, SpanKind, Status};
use crate::record::{Drain, Recorder, current_context};
use crate::span;

fn take(d: &mut Drain) -> Vec<SpanData> {
    d.drain().seal().iter().map(|s| s.to_span_data()).collect()
}

fn with_layer(f: impl FnOnce(&Recorder)) -> Vec<SpanData> {
    let (r, mut d) = Recorder::builder().build();
    let subscriber = tracing_subscriber::registry().with(TraceLayer::new(r.clone()));
    tracing::subscriber::with_default(subscriber, || f(&r));
    assert!(current_context().is_none());
    take(&mut d)
}

fn parent_of<'a>(spans: &'a [SpanData], name: &str) -> Option<&'a str> {
    let s = spans.iter().find(|s| s.name == name).unwrap();
    spans.iter().find(|p| Some(p.context.span_id) == s.parent_span_id).map(|p| p.name.as_ref())
}

#[test]
fn fields_events_and_otel_names_are_recorded() {
    let spans = with_layer(|_| {
        let span = tracing::info_span!(
            target: "my::target", "op", user.id = 7, ratio = 0.5, text = "t", debug = ?Some(1),
            late = tracing::field::Empty, otel.kind = "server", otel.name = "GET /x"
        );
        span.record("late", "value");
        span.in_scope(|| tracing::warn!(code = 3, "something {}", "odd"));
        span.record("otel.status_code", "ERROR");
    });
    // `otel.status_code` was not declared, so tracing does not record it.
    let s = &spans[0];
    assert_eq!((s.name.as_ref(), s.kind, s.scope.name.as_ref()), ("GET /x", SpanKind::Server, "my::target"));
    assert_eq!(
        s.attributes,
        [
            KeyValue::new("user.id", 7),
            KeyValue::new("ratio", 0.5),
            KeyValue::new("text", "t"),
            KeyValue::new("debug", "Some(1)"),
            KeyValue::new("late", "value")
        ]
    );
    let e = &s.events[0];
    assert_eq!(e.name, "something odd");
    assert!(
        e.attributes.contains(&KeyValue::new("code", 3))
            && e.attributes.contains(&KeyValue::new("level", "WARN"))
    );
}

#[test]
fn status_fields_set_the_status_and_errors_keep_their_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);
    let spans = with_layer(|_| {
        let s = tracing::info_span!(
            "a",
            otel.status_code = tracing::field::Empty,
            otel.status_message = "no disk"
        );
        s.record("otel.status_code", "ok");
        let e = Outer(std::io::Error::other("inner"));
        let _b = tracing::info_span!("b", error = &e as &dyn std::error::Error);
    });
    let find = |n: &str| spans.iter().find(|s| s.name == n).unwrap();
    assert_eq!(find("a").status, Status::Ok, "Ok is final and wins over the message");
    assert_eq!(
        find("b").attributes,
        [
            KeyValue::new("exception.message", "outer"),
            KeyValue::new("exception.stacktrace", "outer\nCaused by: inner"),
            KeyValue::new("error", "outer"),
            KeyValue::new("error.chain", vec!["inner"]),
        ]
    );
}

#[test]
fn parents_are_right_across_the_macro_and_tracing() {
    let spans = with_layer(|r| {
        let _a = span!(recorder: r, "a");
        let b = tracing::info_span!("b").entered();
        let _c = span!(recorder: r, "c");
        tracing::info_span!("d").in_scope(|| drop(span!(recorder: r, "e")));
        tracing::info_span!(parent: None, "root");
        let explicit = tracing::info_span!(parent: &b, "explicit");
        drop(explicit);
    });
    for (child, parent) in [
        ("b", Some("a")),
        ("c", Some("b")),
        ("d", Some("c")),
        ("e", Some("d")),
        ("root", None),
        ("explicit", Some("b")),
    ] {
        assert_eq!(parent_of(&spans, child), parent, "parent of {child}");
    }
}

#[cfg(feature = "otel")]
#[test]
fn parents_are_right_across_all_three_doors() {
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    let spans = with_layer(|r| {
        let tracer = crate::record::otel::TracerProvider::new(r.clone()).tracer("lib");
        let _a = span!(recorder: r, "a");
        tracing::info_span!("b").in_scope(|| {
            tracer.in_span("c", |_| {
                tracing::info_span!("d").in_scope(|| drop(span!(recorder: r, "e")));
                tracer.in_span("f", |_| ());
            });
        });
        drop(span!(recorder: r, "g"));
    });
    for (child, parent) in [
        ("b", Some("a")),
        ("c", Some("b")),
        ("d", Some("c")),
        ("e", Some("d")),
        ("f", Some("c")),
        ("g", Some("a")),
    ] {
        assert_eq!(parent_of(&spans, child), parent, "parent of {child}");
    }
}

#[test]
fn spans_left_out_of_order_restore_the_right_one() {
    let spans = with_layer(|r| {
        let (outer, inner) = (tracing::info_span!("outer"), tracing::info_span!("inner"));
        let o = outer.enter();
        let i = inner.enter();
        drop(o);
        drop(span!(recorder: r, "in inner"));
        drop(i);
        drop(span!(recorder: r, "after"));
    });
    assert_eq!(parent_of(&spans, "in inner"), Some("inner"));
    assert_eq!(parent_of(&spans, "after"), None);
}

#[test]
fn a_link_is_made_by_follows_from_and_events_are_capped() {
    let spans = with_layer(|_| {
        let a = tracing::info_span!("a");
        let b = tracing::info_span!("b");
        b.follows_from(&a);
        b.in_scope(|| (0..200).for_each(|i| tracing::info!(i)));
    });
    let b = spans.iter().find(|s| s.name == "b").unwrap();
    assert_eq!(b.links.len(), 1);
    assert_eq!((b.events.len(), b.dropped_events), (128, 72));
}

#[test]
fn a_field_that_traces_while_it_is_formatted_does_not_hang() {
    /// Changes the extensions of a span when a field is recorded, as layers that format do.
    struct Writes;
    impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Writes {
        fn on_record(&self, id: &tracing::Id, _: &tracing::span::Record<'_>, cx: Context<'_, S>) {
            cx.span(id).unwrap().extensions_mut().replace(1_u8);
        }
    }
    struct Chatty(tracing::Span);
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.record("seen", 1);
            f.write_str("chatty")
        }
    }
    let (r, mut d) = Recorder::builder().build();
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(r)).with(Writes);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("work", seen = tracing::field::Empty).entered();
            tracing::info!(what = ?Chatty(span.clone()), "event");
        });
        let _ = done.send(());
    });
    finished.recv_timeout(std::time::Duration::from_secs(5)).expect("no deadlock");
    let batch = d.drain().seal();
    let work = batch.get(0).unwrap();
    assert!(work.attribute("seen").is_some());
    assert_eq!(work.events().count(), 1);
}
