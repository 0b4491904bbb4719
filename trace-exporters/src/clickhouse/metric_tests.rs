//! The tables of metrics and their rows against golden files, and rows against the types of their columns.

use std::sync::Arc;

use proptest::prelude::*;
use trace_core::model::*;

use super::config::ClickHouseConfig;
use super::metric_rows::{Precision, Precisions, encode};
use super::metric_schema::{Kind, insert};
use super::row::Reader;
use super::tests::golden;

const START: Timestamp = Timestamp::from_unix_nanos(1_760_000_000_123_456_789);

fn exemplar() -> Exemplar {
    Exemplar {
        time: START,
        value: Number::I64(3),
        trace_id: TraceId::new(0xabc),
        span_id: None,
        attributes: vec![KeyValue::new("e", 1)],
    }
}

fn number(value: Number) -> NumberPoint {
    NumberPoint {
        attributes: Arc::new(AttributeSet::new([KeyValue::new("t", "☃"), KeyValue::new("n", 7)])),
        start: START,
        time: START + std::time::Duration::from_secs(60),
        value,
        exemplars: vec![exemplar()],
    }
}

/// One of each kind.
fn collection(value: f64, counts: Vec<u64>) -> MetricBatch {
    let NumberPoint { attributes, start, time, exemplars, .. } = number(Number::F64(value));
    let histogram = HistogramPoint {
        attributes: attributes.clone(),
        start,
        time,
        count: counts.iter().fold(0, |sum, n| sum.wrapping_add(*n)),
        sum: value,
        min: Some(-1.5),
        max: None,
        bounds: Arc::from([0.5, 1.0]),
        buckets: counts.clone(),
        exemplars: exemplars.clone(),
    };
    let exponential = ExponentialPoint {
        attributes,
        start,
        time,
        count: histogram.count,
        sum: value,
        min: None,
        max: Some(9.0),
        scale: -2,
        zero_count: 4,
        zero_threshold: 0.0,
        positive: ExponentialBuckets { offset: -3, counts },
        negative: ExponentialBuckets::default(),
        exemplars,
    };
    let temporality = Temporality::Delta;
    let all = [
        MetricData::Gauge { points: vec![number(Number::F64(value))] },
        MetricData::Sum {
            points: vec![number(Number::I64(-2)), number(Number::I64(5))],
            temporality: Temporality::Cumulative,
            monotonic: true,
        },
        MetricData::Histogram { points: vec![histogram], temporality },
        MetricData::ExponentialHistogram { points: vec![exponential], temporality },
    ];
    let metric =
        |data| Metric { name: "m".into(), description: "What it is.".into(), unit: "By".into(), data };
    let mut scope = Scope { version: "1".into(), schema_url: "s".into(), ..Scope::named("lib") };
    scope.attributes = AttributeSet::new([KeyValue::new("team", "a")]);
    let scope = ScopeMetrics { scope: Arc::new(scope), metrics: all.map(metric).into() };
    let resource = Resource { schema_url: "r".into(), ..Resource::service("shop") };
    MetricBatch { resource: Arc::new(resource), scopes: vec![scope] }
}

#[test]
fn the_tables_of_metrics_are_the_golden_ones() {
    let config = ClickHouseConfig { ttl_days: 30, ..ClickHouseConfig::default().database("otel") };
    let mut statements = config.metrics_schema().unwrap();
    statements.extend(Kind::ALL.map(|kind| insert(&config, kind)));
    golden("metrics_schema.sql", &(statements.join(";\n\n") + ";\n"));
    let kept = ClickHouseConfig::default().metrics_schema().unwrap().join("\n");
    assert!(!kept.contains("TTL "), "{kept}");
}

#[test]
fn the_rows_of_metrics_are_the_golden_ones() {
    let batch = collection(0.25, vec![1, 0, 2]);
    let mut text = String::new();
    for kind in Kind::ALL {
        let (rows, count) = encode(&batch, kind, Precisions::default());
        text += &format!("{kind:?}, rows: {count}\n");
        for line in rows.chunks(16) {
            text += &(line.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ") + "\n");
        }
    }
    golden("metrics.hex", &text);
}

/// Reads a value of a type as `CREATE TABLE` writes it.
fn pass(r: &mut Reader<'_>, kind: &str) {
    let bytes = |r: &mut Reader<'_>, n: usize| r.0 = &r.0[n..];
    if let Some(inner) = kind.strip_prefix("Array(").and_then(|k| k.strip_suffix(')')) {
        r.array(|r| {
            pass(r, inner);
            Ok(())
        })
        .unwrap();
        return;
    }
    match kind {
        "Map(LowCardinality(String), String)" => drop(r.map().unwrap()),
        "String" | "LowCardinality(String)" => drop(r.text().unwrap()),
        "UInt64" | "Float64" | "DateTime64(9)" => bytes(r, 8),
        "UInt32" | "Int32" | "DateTime" => bytes(r, 4),
        "Boolean" => bytes(r, 1),
        other => panic!("unknown type {other}"),
    }
}

/// Name and type of each column that the insert names.
fn columns(kind: Kind, precision: Precision) -> Vec<(String, String)> {
    let config = ClickHouseConfig::default();
    let statements = config.metrics_schema().unwrap();
    let table = statements.iter().find(|s| s.contains(&format!("otel_metrics{} (", kind.suffix()))).unwrap();
    let named = insert(&config, kind);
    let (_, named) = named.split_once(" (").unwrap();
    let (named, _) = named.split_once(')').unwrap();
    let of = |name: &str| {
        let bare = name.strip_prefix("Exemplars.").unwrap_or(name);
        let indent = if bare == name { "\n    " } else { "\n        " };
        let (_, rest) = table.split_once(&format!("{indent}{bare} ")).unwrap();
        let kind = rest.lines().next().unwrap().split(" CODEC").next().unwrap();
        let kind = kind.trim_end_matches(',').to_owned();
        let kind = match precision {
            Precision::Seconds => kind.replace("DateTime64(9)", "DateTime"),
            Precision::Nanoseconds => kind,
        };
        if bare == name { kind } else { format!("Array({kind})") }
    };
    named.split(", ").map(|name| (name.to_owned(), of(name))).collect()
}

proptest! {
    #[test]
    fn rows_have_the_types_of_the_columns_that_the_insert_names(
        value: f64, counts in prop::collection::vec(any::<u64>(), 0..9), whole: bool,
    ) {
        let precision = if whole { Precision::Seconds } else { Precision::Nanoseconds };
        let precisions = Precisions { start: precision, time: precision, exemplar: precision };
        let batch = collection(value, counts);
        for kind in Kind::ALL {
            let (rows, count) = encode(&batch, kind, precisions);
            let mut reader = Reader(&rows);
            for _ in 0..count {
                for (_, kind) in columns(kind, precision) {
                    pass(&mut reader, &kind);
                }
            }
            prop_assert!(reader.is_at_end(), "{:?}", kind);
        }
    }
}

#[test]
fn every_point_is_in_one_row_of_one_table() {
    let batch = collection(1.0, vec![]);
    let rows: u64 = Kind::ALL.iter().map(|kind| encode(&batch, *kind, Precisions::default()).1).sum();
    assert_eq!(rows, batch.point_count() as u64);
}
