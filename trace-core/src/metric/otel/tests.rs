//! The door for the API: what the comparison with the official SDK does not reach.

use std::sync::Arc;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};

use super::MeterProvider;
use crate::metric::{InstrumentWarning, MeterRegistry};
use crate::model::{
    MetricBatch, MetricData, Number, NumberPoint, Resource, SpanId, Timestamp, TraceId, Value,
};

fn setup() -> (MeterRegistry, MeterProvider) {
    let registry = MeterRegistry::new(Arc::new(Resource::service("t")));
    (registry.clone(), MeterProvider::new(registry))
}

fn numbers(batch: &MetricBatch) -> Vec<&NumberPoint> {
    let metrics = batch.scopes.iter().flat_map(|s| &s.metrics);
    metrics
        .flat_map(|m| match &m.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => points.iter().collect(),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn the_scope_of_a_meter_arrives_whole() {
    let (registry, provider) = setup();
    let scope = InstrumentationScope::builder("lib")
        .with_version("1.2")
        .with_schema_url("https://schema")
        .with_attributes([KeyValue::new("short", true)])
        .build();
    for _ in 0..2 {
        provider.meter_with_scope(scope.clone()).u64_counter("c").build().add(1, &[]);
    }
    let batch = registry.collect(Timestamp::now());
    assert_eq!(batch.scopes.len(), 1, "equal scopes are one");
    let found = &batch.scopes[0].scope;
    assert_eq!((&*found.name, &*found.version, &*found.schema_url), ("lib", "1.2", "https://schema"));
    assert_eq!(found.attributes.get("short"), Some(&Value::Bool(true)));
    assert_eq!(numbers(&batch)[0].value, Number::I64(2));
}

#[test]
fn an_instrument_that_is_not_valid_is_ignored_with_a_warning() {
    let (registry, provider) = setup();
    let meter = provider.meter("lib");
    meter.u64_counter("1st").build().add(1, &[]);
    meter.f64_histogram("h").with_boundaries(vec![2.0, 1.0]).build().record(1.0, &[]);
    meter.u64_observable_gauge("").with_callback(|o| o.observe(1, &[])).build();
    assert_eq!(registry.collect(Timestamp::now()).point_count(), 0);
    let warnings = registry.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().all(|w| matches!(w, InstrumentWarning::Ignored(_))));
    assert!(warnings[0].to_string().contains("1st"), "{}", warnings[0]);
}

#[test]
fn a_callback_that_panics_harms_no_other_and_numbers_stay_in_range() {
    let (registry, provider) = setup();
    let meter = provider.meter("lib");
    let gauge = meter.u64_observable_gauge("g").with_callback(|_| panic!("on purpose"));
    gauge.with_callback(|o| o.observe(u64::MAX, &[])).build();
    meter.u64_counter("c").build().add(u64::MAX, &[]);
    meter.f64_counter("f").build().add(f64::NAN, &[]);
    meter.f64_counter("f").build().add(-1.0, &[]);
    let batch = registry.collect(Timestamp::now());
    assert_eq!((registry.callback_panics(), registry.rejected()), (1, 2));
    let values: Vec<_> = numbers(&batch).iter().map(|p| p.value).collect();
    assert_eq!(values, [Number::F64(u64::MAX as f64); 2]);
}

#[test]
fn measurements_inside_a_sampled_span_leave_exemplars() {
    let (registry, provider) = setup();
    registry.set_exemplar_source(|| TraceId::new(7).zip(SpanId::new(9)));
    provider.meter("lib").u64_counter("c").build().add(3, &[KeyValue::new("a", "b")]);
    let batch = registry.collect(Timestamp::now());
    let exemplar = &numbers(&batch)[0].exemplars[0];
    assert_eq!((exemplar.value, exemplar.trace_id), (Number::I64(3), TraceId::new(7)));
    assert!(exemplar.attributes.is_empty(), "the series has them");
}

#[test]
fn attributes_of_the_api_and_of_ours_name_the_same_series() {
    let (registry, provider) = setup();
    let array = opentelemetry::Array::String(vec!["x".into(), "y".into()]);
    let api = provider.meter("lib").u64_counter("c").build();
    let own = registry.meter(crate::model::Scope::named("lib")).counter("c").build().unwrap();
    for _ in 0..3 {
        api.add(
            1,
            &[KeyValue::new("k", opentelemetry::Value::Array(array.clone())), KeyValue::new("f", 0.5)],
        );
        own.add(
            1,
            &[crate::model::KeyValue::new("k", vec!["x", "y"]), crate::model::KeyValue::new("f", 0.5)],
        );
    }
    let batch = registry.collect(Timestamp::now());
    assert_eq!(numbers(&batch).iter().map(|p| p.value).collect::<Vec<_>>(), [Number::I64(6)]);
}

#[cfg(feature = "otel-bound")]
#[test]
fn bound_instruments_of_the_api_record() {
    let (registry, provider) = setup();
    let meter = provider.meter("lib");
    meter.u64_counter("c").build().bind(&[KeyValue::new("a", 1)]).add(5);
    meter.f64_histogram("1nvalid").build().bind(&[]).record(1.0);
    let batch = registry.collect(Timestamp::now());
    assert_eq!(batch.point_count(), 1);
    assert_eq!(numbers(&batch)[0].value, Number::I64(5));
}
