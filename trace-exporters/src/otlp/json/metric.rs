//! `ExportMetricsServiceRequest` as JSON.

use trace_core::model::{
    Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, Metric, MetricBatch, MetricData, Number,
    NumberPoint, ScopeMetrics, Temporality,
};

use super::value::{attribute_set, attributes, pair, resource, scope};
use super::writer::Json;

pub(super) fn request(json: &mut Json<'_>, batch: &MetricBatch) {
    json.object(|json| {
        json.key("resourceMetrics").array([()], |json, ()| {
            json.object(|json| {
                resource(json, &batch.resource);
                // Receivers may drop empty envelopes, so none are written.
                let scopes = batch.scopes.iter().filter(|s| s.metrics.iter().any(has_points));
                json.key("scopeMetrics").array(scopes, |json, s| json.object(|json| scope_metrics(json, s)));
                json.text("schemaUrl", &batch.resource.schema_url);
            });
        });
    });
}

fn has_points(metric: &Metric) -> bool {
    metric.data.point_count() > 0
}

fn scope_metrics(json: &mut Json<'_>, s: &ScopeMetrics) {
    scope(json, &s.scope);
    let metrics = s.metrics.iter().filter(|m| has_points(m));
    json.key("metrics").array(metrics, |json, m| json.object(|json| metric(json, m)));
    json.text("schemaUrl", &s.scope.schema_url);
}

fn metric(json: &mut Json<'_>, m: &Metric) {
    json.text("name", &m.name);
    json.text("description", &m.description);
    json.text("unit", &m.unit);
    match &m.data {
        MetricData::Gauge { points } => data(json, "gauge", points, point, |_| {}),
        MetricData::Sum { points, temporality, monotonic } => data(json, "sum", points, point, |json| {
            aggregation(json, *temporality);
            if *monotonic {
                json.key("isMonotonic").bool(true);
            }
        }),
        MetricData::Histogram { points, temporality } => {
            data(json, "histogram", points, distribution, |json| aggregation(json, *temporality));
        }
        MetricData::ExponentialHistogram { points, temporality } => {
            data(json, "exponentialHistogram", points, exponential, |json| aggregation(json, *temporality));
        }
        // A kind of data that this version does not know: its name arrives without points.
        _ => {}
    }
}

fn data<T>(
    json: &mut Json<'_>,
    kind: &str,
    points: &[T],
    point: fn(&mut Json<'_>, &T),
    more: impl FnOnce(&mut Json<'_>),
) {
    json.key(kind).object(|json| {
        json.key("dataPoints").array(points, |json, p| json.object(|json| point(json, p)));
        more(json);
    });
}

fn aggregation(json: &mut Json<'_>, temporality: Temporality) {
    json.number(
        "aggregationTemporality",
        match temporality {
            Temporality::Delta => 1,
            Temporality::Cumulative => 2,
        },
    );
}

fn number(json: &mut Json<'_>, v: Number) {
    match v {
        Number::I64(v) => json.key("asInt").quoted(v),
        Number::F64(v) => json.key("asDouble").double(v),
    }
}

fn point(json: &mut Json<'_>, p: &NumberPoint) {
    attribute_set(json, "attributes", &p.attributes);
    json.long("startTimeUnixNano", p.start.unix_nanos());
    json.long("timeUnixNano", p.time.unix_nanos());
    number(json, p.value);
    exemplars(json, &p.exemplars);
}

fn distribution(json: &mut Json<'_>, p: &HistogramPoint) {
    attribute_set(json, "attributes", &p.attributes);
    json.long("startTimeUnixNano", p.start.unix_nanos());
    json.long("timeUnixNano", p.time.unix_nanos());
    json.long("count", p.count);
    json.key("sum").double(p.sum);
    json.list("bucketCounts", &*p.buckets, |json, v| json.quoted(v));
    json.list("explicitBounds", &*p.bounds, |json, v| json.double(*v));
    exemplars(json, &p.exemplars);
    extremes(json, p.min, p.max);
}

fn exponential(json: &mut Json<'_>, p: &ExponentialPoint) {
    attribute_set(json, "attributes", &p.attributes);
    json.long("startTimeUnixNano", p.start.unix_nanos());
    json.long("timeUnixNano", p.time.unix_nanos());
    json.long("count", p.count);
    json.key("sum").double(p.sum);
    json.number("scale", p.scale.into());
    json.long("zeroCount", p.zero_count);
    buckets(json, "positive", &p.positive);
    buckets(json, "negative", &p.negative);
    exemplars(json, &p.exemplars);
    extremes(json, p.min, p.max);
    if p.zero_threshold != 0.0 {
        json.key("zeroThreshold").double(p.zero_threshold);
    }
}

fn extremes(json: &mut Json<'_>, min: Option<f64>, max: Option<f64>) {
    for (key, v) in [("min", min), ("max", max)] {
        if let Some(v) = v {
            json.key(key).double(v);
        }
    }
}

fn buckets(json: &mut Json<'_>, key: &str, b: &ExponentialBuckets) {
    if !b.counts.is_empty() {
        json.key(key).object(|json| {
            json.number("offset", b.offset.into());
            json.key("bucketCounts").array(&*b.counts, |json, v| json.quoted(v));
        });
    }
}

fn exemplars(json: &mut Json<'_>, list: &[Exemplar]) {
    json.list("exemplars", list, |json, e| {
        json.object(|json| {
            json.long("timeUnixNano", e.time.unix_nanos());
            number(json, e.value);
            if let Some(id) = e.span_id {
                json.key("spanId").hex(&id.to_bytes());
            }
            if let Some(id) = e.trace_id {
                json.key("traceId").hex(&id.to_bytes());
            }
            attributes(json, "filteredAttributes", e.attributes.iter().map(pair));
        });
    });
}
