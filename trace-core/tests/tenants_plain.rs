//! Spans inherit their tenant on the quick ways, too. A program of its own: once a tracer of the `opentelemetry` API is
//! asked for, those are not taken.
#![cfg(all(feature = "tracing", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use trace_core::model::{TenantId, TenantTag, Value};
use trace_core::pipeline::Pipeline;
use trace_core::record::tracing_layer::{TraceLayer, TraceSpanExt as _};
use trace_core::record::{Recorder, current_context};
use trace_core::sample::AlwaysOff;
use trace_core::span;
use trace_core::testing::CaptureExporter;
use tracing_subscriber::layer::SubscriberExt as _;

fn world() -> (Pipeline, CaptureExporter) {
    let out = CaptureExporter::new();
    (Pipeline::builder().export_spans("out", out.clone()).start().unwrap(), out)
}

fn with_layer(r: &Recorder, f: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(TraceLayer::new(r.clone()));
    tracing::subscriber::with_default(subscriber, f);
}

/// The tenants of the spans that were exported, by name.
fn tenants((pipeline, out): &(Pipeline, CaptureExporter)) -> BTreeMap<String, String> {
    pipeline.flush(Duration::from_secs(10)).unwrap();
    let tenant = |attributes: &[trace_core::model::KeyValue]| match attributes
        .iter()
        .find(|kv| kv.key == TenantId::ATTRIBUTE)
    {
        Some(kv) => match &kv.value {
            Value::String(name) => name.to_string(),
            other => format!("{other:?}"),
        },
        None => "-".to_owned(),
    };
    out.spans().iter().map(|s| (s.name.to_string(), tenant(&s.attributes))).collect()
}

fn expected(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, tenant)| ((*name).to_owned(), (*tenant).to_owned())).collect()
}

fn active_tenant() -> Option<&'static str> {
    current_context().unwrap().tenant.name()
}

#[test]
fn plain_tracing_spans_inherit_and_so_does_what_is_below_them() {
    let world = world();
    let r = world.0.recorder();
    with_layer(r, || {
        let _acme = span!(recorder: r, "root", mplp.tenant.id = "acme");
        tracing::info_span!("first").in_scope(|| ());
        tracing::info_span!("lean", n = 1).in_scope(|| {
            assert_eq!(active_tenant(), Some("acme"));
            tracing::info_span!("lean below").in_scope(|| drop(span!(recorder: r, "macro below")));
        });
        let changed = tracing::info_span!("changed");
        changed.set_attribute("later", 1);
        changed.in_scope(|| tracing::info_span!("below changed").in_scope(|| ()));
        tracing::info_span!("globex", mplp.tenant.id = "globex")
            .in_scope(|| tracing::info_span!("below globex").in_scope(|| ()));
        drop(span!(recorder: r, "after", "n" = 1));
    });
    drop(span!(recorder: r, "of nobody"));
    let acme = ["root", "first", "lean", "lean below", "macro below", "changed", "below changed", "after"];
    let mut all: Vec<_> = acme.iter().map(|name| (*name, "acme")).collect();
    all.extend([("globex", "globex"), ("below globex", "globex"), ("of nobody", "-")]);
    assert_eq!(tenants(&world), expected(&all));
}

#[test]
fn spans_that_are_only_counted_inherit_or_say_it_themselves() {
    let pipeline = Pipeline::builder().recorder(Recorder::builder().sampler(AlwaysOff)).start().unwrap();
    let r = pipeline.recorder();
    let _root = span!(recorder: r, "root", mplp.tenant.id = "acme");
    for _ in 0..3 {
        let _counted = span!(recorder: r, "counted");
        let _inner = span!(recorder: r, "inner");
        assert_eq!(active_tenant(), Some("acme"));
    }
    for _ in 0..3 {
        let _counted = span!(recorder: r, "counted");
        let _other = span!(recorder: r, "other", mplp.tenant.id = "globex");
        let _below = span!(recorder: r, "below");
        assert_eq!(active_tenant(), Some("globex"));
    }
    let _counted = span!(recorder: r, "counted");
    assert_eq!(active_tenant(), Some("acme"));
}

#[test]
fn spans_of_many_tenants_in_one_ring_are_told_apart() {
    let world = world();
    let r = world.0.recorder();
    for n in 0..3 {
        let tenant = format!("tenant-{n}");
        let _root = span!(recorder: r, "root", mplp.tenant.id = &tenant);
        assert_eq!(TenantTag::of(&TenantId::new(&tenant).unwrap()), current_context().unwrap().tenant);
        for _ in 0..10 {
            let _child = span!(recorder: r, "child", "of" = n);
        }
    }
    for _ in 0..10 {
        drop(span!(recorder: r, "of nobody"));
    }
    world.0.flush(Duration::from_secs(10)).unwrap();
    for span in world.1.spans().iter().filter(|s| s.name == "child") {
        let of = |key: &str| span.attributes.iter().find(|kv| kv.key == key).map(|kv| kv.value.clone());
        let Some(Value::I64(n)) = of("of") else { panic!("{span:?}") };
        assert_eq!(of(TenantId::ATTRIBUTE), Some(Value::from(format!("tenant-{n}"))));
    }
    assert_eq!(tenants(&world)["of nobody"], "-");
}
