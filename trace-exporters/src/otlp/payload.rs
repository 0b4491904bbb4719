//! What can be sent: counted, encoded, and halved when it is too large for one request.

use std::sync::Arc;

use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, Metric, MetricBatch, MetricData, ScopeMetrics};

use super::encode::{encode_logs, encode_metrics, encode_spans};
use super::json::{encode_logs_json, encode_metrics_json, encode_spans_json};

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

pub(super) trait Payload: Clone + Send + Sync {
    /// What a record is called in a message.
    const RECORDS: &'static str;

    /// How many records there are: spans, data points or log records.
    fn count(&self) -> usize;

    /// Appends the request if it takes at most `limit` bytes, and says whether it did.
    fn encode_within(&self, encoding: Encoding, limit: usize, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        match encoding {
            Encoding::Protobuf => self.protobuf(out),
            Encoding::Json => self.json(out),
        }
        let fits = out.len() - before <= limit;
        if !fits {
            out.truncate(before);
        }
        fits
    }

    fn protobuf(&self, out: &mut Vec<u8>);

    fn json(&self, out: &mut Vec<u8>);

    /// Two parts of about equal count, or `None` if there is only one record.
    fn halves(&self) -> Option<(Self, Self)>;
}

impl Payload for SpanBatch {
    const RECORDS: &'static str = "spans";

    fn count(&self) -> usize {
        self.len()
    }

    fn protobuf(&self, out: &mut Vec<u8>) {
        encode_spans(self, out);
    }

    fn json(&self, out: &mut Vec<u8>) {
        encode_spans_json(self, out);
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.len() / 2;
        (middle > 0).then(|| (self.slice(0..middle), self.slice(middle..self.len())))
    }
}

impl Payload for MetricBatch {
    const RECORDS: &'static str = "data points";

    fn count(&self) -> usize {
        self.point_count()
    }

    fn protobuf(&self, out: &mut Vec<u8>) {
        encode_metrics(self, out);
    }

    fn json(&self, out: &mut Vec<u8>) {
        encode_metrics_json(self, out);
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.point_count() / 2;
        (middle > 0).then(|| (points(self, 0, middle), points(self, middle, usize::MAX)))
    }
}

impl Payload for LogBatch {
    const RECORDS: &'static str = "log records";

    fn count(&self) -> usize {
        self.len()
    }

    fn protobuf(&self, out: &mut Vec<u8>) {
        encode_logs(self, out);
    }

    fn json(&self, out: &mut Vec<u8>) {
        encode_logs_json(self, out);
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.len() / 2;
        (middle > 0).then(|| (self.slice(0..middle), self.slice(middle..self.len())))
    }
}

/// The points from `start` to before `end`, counted over the whole collection. Copies: only a collection over the
/// limit of a request pays for it.
fn points(batch: &MetricBatch, start: usize, end: usize) -> MetricBatch {
    let mut before = 0;
    let mut scopes = Vec::new();
    for scope in &batch.scopes {
        let mut metrics = Vec::new();
        for metric in &scope.metrics {
            let count = metric.data.point_count();
            let from = start.saturating_sub(before).min(count);
            let to = end.saturating_sub(before).min(count);
            before += count;
            if from < to {
                metrics.push(Metric { data: slice(&metric.data, from, to), ..metric_head(metric) });
            }
        }
        if !metrics.is_empty() {
            scopes.push(ScopeMetrics { scope: Arc::clone(&scope.scope), metrics });
        }
    }
    MetricBatch { resource: Arc::clone(&batch.resource), scopes }
}

fn metric_head(metric: &Metric) -> Metric {
    Metric {
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        data: MetricData::Gauge { points: Vec::new() },
    }
}

fn slice(data: &MetricData, from: usize, to: usize) -> MetricData {
    match data {
        MetricData::Sum { points, temporality, monotonic } => MetricData::Sum {
            points: points[from..to].to_vec(),
            temporality: *temporality,
            monotonic: *monotonic,
        },
        MetricData::Gauge { points } => MetricData::Gauge { points: points[from..to].to_vec() },
        MetricData::Histogram { points, temporality } => {
            MetricData::Histogram { points: points[from..to].to_vec(), temporality: *temporality }
        }
        MetricData::ExponentialHistogram { points, temporality } => {
            MetricData::ExponentialHistogram { points: points[from..to].to_vec(), temporality: *temporality }
        }
        // Unknown kinds cannot be cut; they go whole, with the part that their first point belongs to.
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use trace_core::model::{AttributeSet, KeyValue, Number, NumberPoint, Timestamp};

    fn batch(shape: &[Vec<usize>]) -> MetricBatch {
        let mut value = 0;
        let mut gauge = |count: &usize| {
            let points = (0..*count).map(|_| {
                value += 1;
                NumberPoint {
                    attributes: Arc::new(AttributeSet::new([KeyValue::new("n", value)])),
                    start: Timestamp::default(),
                    time: Timestamp::default(),
                    value: Number::I64(value),
                    exemplars: vec![],
                }
            });
            let data = MetricData::Gauge { points: points.collect() };
            Metric { name: "g".into(), description: "".into(), unit: "".into(), data }
        };
        let scopes = shape.iter().map(|metrics| ScopeMetrics {
            scope: Arc::default(),
            metrics: metrics.iter().map(&mut gauge).collect(),
        });
        MetricBatch { resource: Arc::default(), scopes: scopes.collect() }
    }

    fn values(batch: &MetricBatch) -> Vec<f64> {
        let metrics = batch.scopes.iter().flat_map(|s| &s.metrics);
        metrics
            .flat_map(|m| match &m.data {
                MetricData::Gauge { points } => points.iter().map(|p| p.value.as_f64()).collect::<Vec<_>>(),
                _ => vec![],
            })
            .collect()
    }

    proptest! {
        #[test]
        fn halves_hold_every_point_once(shape in prop::collection::vec(prop::collection::vec(0usize..5, 0..4), 0..4)) {
            let whole = batch(&shape);
            match whole.halves() {
                None => prop_assert!(whole.count() < 2),
                Some((a, b)) => {
                    prop_assert!(a.count().abs_diff(b.count()) <= 1);
                    prop_assert_eq!([values(&a), values(&b)].concat(), values(&whole));
                }
            }
        }
    }
}
