//! The messages that a batch must become, built with another library's types.

use super::*;
use pb::metrics::v1::{exemplar, metric, number_data_point};

fn value(v: &Value) -> pb::common::v1::AnyValue {
    let array = |values: Vec<Value>| {
        PbValue::ArrayValue(pb::common::v1::ArrayValue { values: values.iter().map(value).collect() })
    };
    let v = match v {
        Value::Bool(v) => PbValue::BoolValue(*v),
        Value::I64(v) => PbValue::IntValue(*v),
        Value::F64(v) => PbValue::DoubleValue(*v),
        Value::String(v) => PbValue::StringValue(v.to_string()),
        Value::Array(Array::Bool(v)) => array(v.iter().map(|v| (*v).into()).collect()),
        Value::Array(Array::I64(v)) => array(v.iter().map(|v| (*v).into()).collect()),
        Value::Array(Array::F64(v)) => array(v.iter().map(|v| (*v).into()).collect()),
        Value::Array(Array::String(v)) => array(v.iter().map(|v| v.clone().into()).collect()),
        other => panic!("no expectation for {other:?}"),
    };
    pb::common::v1::AnyValue { value: Some(v) }
}

fn attributes<'a>(list: impl IntoIterator<Item = &'a KeyValue>) -> Vec<pb::common::v1::KeyValue> {
    list.into_iter()
        .map(|kv| pb::common::v1::KeyValue {
            key: kv.key.to_string(),
            value: Some(value(&kv.value)),
            ..Default::default()
        })
        .collect()
}

pub(super) fn resource(r: &Resource) -> Option<pb::resource::v1::Resource> {
    Some(pb::resource::v1::Resource { attributes: attributes(&r.attributes), ..Default::default() })
}

pub(super) fn scope(s: &Scope) -> Option<pb::common::v1::InstrumentationScope> {
    Some(pb::common::v1::InstrumentationScope {
        name: s.name.to_string(),
        version: s.version.to_string(),
        attributes: attributes(&s.attributes),
        dropped_attributes_count: 0,
    })
}

fn flags(context: &SpanContext, remote: bool) -> u32 {
    u32::from(context.flags.0) + 256 + if remote { 512 } else { 0 }
}

fn span(s: &SpanData) -> pb::trace::v1::Span {
    pb::trace::v1::Span {
        trace_id: s.context.trace_id.to_bytes().to_vec(),
        span_id: s.context.span_id.to_bytes().to_vec(),
        trace_state: s.context.trace_state.as_str().to_string(),
        parent_span_id: s.parent_span_id.map(|p| p.to_bytes().to_vec()).unwrap_or_default(),
        flags: flags(&s.context, s.parent_is_remote),
        name: s.name.to_string(),
        kind: s.kind as i32,
        start_time_unix_nano: s.start.unix_nanos(),
        end_time_unix_nano: s.end.unix_nanos(),
        attributes: attributes(&s.attributes),
        dropped_attributes_count: s.dropped_attributes,
        events: s
            .events
            .iter()
            .map(|e| pb::trace::v1::span::Event {
                time_unix_nano: e.time.unix_nanos(),
                name: e.name.to_string(),
                attributes: attributes(&e.attributes),
                dropped_attributes_count: e.dropped_attributes,
            })
            .collect(),
        dropped_events_count: s.dropped_events,
        links: s
            .links
            .iter()
            .map(|l| pb::trace::v1::span::Link {
                trace_id: l.context.trace_id.to_bytes().to_vec(),
                span_id: l.context.span_id.to_bytes().to_vec(),
                trace_state: l.context.trace_state.as_str().to_string(),
                attributes: attributes(&l.attributes),
                dropped_attributes_count: l.dropped_attributes,
                flags: flags(&l.context, l.context.is_remote),
            })
            .collect(),
        dropped_links_count: s.dropped_links,
        status: match &s.status {
            Status::Unset => None,
            Status::Ok => Some(pb::trace::v1::Status { message: String::new(), code: 1 }),
            Status::Error(m) => Some(pb::trace::v1::Status { message: m.to_string(), code: 2 }),
        },
    }
}

/// Scopes in the order of their first span; scopes that are the same `Arc` once.
pub(crate) fn traces(r: &Resource, spans: &[SpanData]) -> ExportTraceServiceRequest {
    let mut groups: Vec<(&Arc<Scope>, Vec<pb::trace::v1::Span>)> = Vec::new();
    for s in spans {
        match groups.iter_mut().find(|(g, _)| Arc::ptr_eq(g, &s.scope)) {
            Some((_, list)) => list.push(span(s)),
            None => groups.push((&s.scope, vec![span(s)])),
        }
    }
    let scope_spans: Vec<_> = groups
        .into_iter()
        .map(|(s, spans)| pb::trace::v1::ScopeSpans {
            scope: scope(s),
            spans,
            schema_url: s.schema_url.to_string(),
        })
        .collect();
    let resource_spans = match scope_spans.is_empty() {
        true => vec![],
        false => vec![pb::trace::v1::ResourceSpans {
            resource: resource(r),
            scope_spans,
            schema_url: r.schema_url.to_string(),
        }],
    };
    ExportTraceServiceRequest { resource_spans }
}

fn exemplars(list: &[Exemplar]) -> Vec<pb::metrics::v1::Exemplar> {
    list.iter()
        .map(|e| pb::metrics::v1::Exemplar {
            filtered_attributes: attributes(&e.attributes),
            time_unix_nano: e.time.unix_nanos(),
            span_id: e.span_id.map(|i| i.to_bytes().to_vec()).unwrap_or_default(),
            trace_id: e.trace_id.map(|i| i.to_bytes().to_vec()).unwrap_or_default(),
            value: Some(match e.value {
                Number::I64(v) => exemplar::Value::AsInt(v),
                Number::F64(v) => exemplar::Value::AsDouble(v),
            }),
        })
        .collect()
}

fn points(list: &[NumberPoint]) -> Vec<pb::metrics::v1::NumberDataPoint> {
    list.iter()
        .map(|p| pb::metrics::v1::NumberDataPoint {
            attributes: attributes(&*p.attributes),
            start_time_unix_nano: p.start.unix_nanos(),
            time_unix_nano: p.time.unix_nanos(),
            exemplars: exemplars(&p.exemplars),
            flags: 0,
            value: Some(match p.value {
                Number::I64(v) => number_data_point::Value::AsInt(v),
                Number::F64(v) => number_data_point::Value::AsDouble(v),
            }),
        })
        .collect()
}

fn distributions(list: &[HistogramPoint]) -> Vec<pb::metrics::v1::HistogramDataPoint> {
    list.iter()
        .map(|p| pb::metrics::v1::HistogramDataPoint {
            attributes: attributes(&*p.attributes),
            start_time_unix_nano: p.start.unix_nanos(),
            time_unix_nano: p.time.unix_nanos(),
            count: p.count,
            sum: Some(p.sum),
            bucket_counts: p.buckets.clone(),
            explicit_bounds: p.bounds.to_vec(),
            exemplars: exemplars(&p.exemplars),
            flags: 0,
            min: p.min,
            max: p.max,
        })
        .collect()
}

fn exponential(list: &[ExponentialPoint]) -> Vec<pb::metrics::v1::ExponentialHistogramDataPoint> {
    use pb::metrics::v1::exponential_histogram_data_point::Buckets;
    // A side without buckets is left out, as the SDKs do; its offset says nothing.
    let buckets = |b: &ExponentialBuckets| {
        (!b.counts.is_empty()).then(|| Buckets { offset: b.offset, bucket_counts: b.counts.clone() })
    };
    list.iter()
        .map(|p| pb::metrics::v1::ExponentialHistogramDataPoint {
            attributes: attributes(&*p.attributes),
            start_time_unix_nano: p.start.unix_nanos(),
            time_unix_nano: p.time.unix_nanos(),
            count: p.count,
            sum: Some(p.sum),
            scale: p.scale,
            zero_count: p.zero_count,
            positive: buckets(&p.positive),
            negative: buckets(&p.negative),
            flags: 0,
            exemplars: exemplars(&p.exemplars),
            min: p.min,
            max: p.max,
            zero_threshold: p.zero_threshold,
        })
        .collect()
}

fn temporality(t: Temporality) -> i32 {
    match t {
        Temporality::Delta => pb::metrics::v1::AggregationTemporality::Delta as i32,
        Temporality::Cumulative => pb::metrics::v1::AggregationTemporality::Cumulative as i32,
    }
}

fn metric_message(m: &Metric) -> pb::metrics::v1::Metric {
    let data = match &m.data {
        MetricData::Gauge { points: p } => {
            metric::Data::Gauge(pb::metrics::v1::Gauge { data_points: points(p) })
        }
        MetricData::Sum { points: p, temporality: t, monotonic } => metric::Data::Sum(pb::metrics::v1::Sum {
            data_points: points(p),
            aggregation_temporality: temporality(*t),
            is_monotonic: *monotonic,
        }),
        MetricData::Histogram { points: p, temporality: t } => {
            metric::Data::Histogram(pb::metrics::v1::Histogram {
                data_points: distributions(p),
                aggregation_temporality: temporality(*t),
            })
        }
        MetricData::ExponentialHistogram { points: p, temporality: t } => {
            metric::Data::ExponentialHistogram(pb::metrics::v1::ExponentialHistogram {
                data_points: exponential(p),
                aggregation_temporality: temporality(*t),
            })
        }
        other => panic!("no expectation for {other:?}"),
    };
    pb::metrics::v1::Metric {
        name: m.name.to_string(),
        description: m.description.to_string(),
        unit: m.unit.to_string(),
        metadata: vec![],
        data: Some(data),
    }
}

/// Without metrics that have no points, and without the envelopes that this leaves empty.
pub(crate) fn metrics(batch: &MetricBatch) -> ExportMetricsServiceRequest {
    let scope_metrics: Vec<_> = batch
        .scopes
        .iter()
        .map(|s| pb::metrics::v1::ScopeMetrics {
            scope: scope(&s.scope),
            metrics: s.metrics.iter().filter(|m| m.data.point_count() > 0).map(metric_message).collect(),
            schema_url: s.scope.schema_url.to_string(),
        })
        .filter(|s| !s.metrics.is_empty())
        .collect();
    let resource_metrics = match scope_metrics.is_empty() {
        true => vec![],
        false => vec![pb::metrics::v1::ResourceMetrics {
            resource: resource(&batch.resource),
            scope_metrics,
            schema_url: batch.resource.schema_url.to_string(),
        }],
    };
    ExportMetricsServiceRequest { resource_metrics }
}
