//! The text of a collection with one of everything.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "prometheus")]

mod support;

use std::sync::Arc;

use support::shop;
use trace_core::model::{Metric, MetricBatch, MetricData, Number, Scope, ScopeMetrics};
use trace_exporters::prometheus::{Dropped, encode};

#[test]
fn the_text_is_the_golden_one() {
    let text = encode(&shop::metrics()).text;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 writes the file anew");
}

#[test]
fn what_cannot_be_shown_is_reported_with_its_reason() {
    let dropped: Vec<String> = encode(&shop::metrics()).dropped.iter().map(Dropped::to_string).collect();
    assert_eq!(
        dropped,
        [
            "metric \"cache_hit_ratio\", 1 series: cache_hit_ratio is taken by a gauge",
            "metric \"queue_count\", 1 series: queue_count is taken by a histogram",
            "metric \"target.info\", 1 series: target_info is taken by a gauge",
            "metric \"since.last\", 1 series: delta temporality; Prometheus needs cumulative",
            "metric \"twice\", 1 series: labels equal those of another series",
            "metric \"bent\", 1 series: buckets do not fit bounds or count",
        ]
    );
}

fn gauge(scope: &'static str, description: &'static str, value: i64) -> ScopeMetrics {
    let data = MetricData::Gauge { points: vec![shop::point(&[], Number::I64(value))] };
    let metric = Metric { name: "level".into(), description: description.into(), unit: "".into(), data };
    ScopeMetrics { scope: Arc::new(Scope::named(scope)), metrics: vec![metric] }
}

#[test]
fn one_name_in_two_libraries_is_one_family_with_the_first_help() {
    let scopes = vec![gauge("a", "", 1), gauge("b", "B", 2), gauge("c", "C", 3)];
    let text = encode(&MetricBatch { resource: Arc::default(), scopes }).text;
    assert_eq!(
        text,
        "# HELP level B\n# TYPE level gauge\nlevel{otel_scope_name=\"a\"} 1\nlevel{otel_scope_name=\"b\"} 2\n\
         level{otel_scope_name=\"c\"} 3\n"
    );
}

#[test]
fn an_empty_collection_is_an_empty_text() {
    assert_eq!(encode(&MetricBatch { resource: Arc::default(), scopes: vec![] }).text, "");
}
