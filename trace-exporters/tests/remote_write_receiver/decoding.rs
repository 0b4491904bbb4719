//! The decoders alone: native histograms, exemplars, ends of series, and whatever bytes there may be.

use proptest::prelude::*;
use prost::Message as _;
use trace_core::model::*;
use trace_exporters::receiver::ReceiverLimits;
use trace_exporters::remote_write_receiver::{DecodeError, DecodedWrite, Families, decode_v1, decode_v2};

use super::proto::*;

const NOW: i64 = 1_700_000_000_123;
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

fn v1(bytes: &[u8]) -> Result<DecodedWrite, DecodeError> {
    decode_v1(bytes, &ReceiverLimits::default(), &Families::default(), None)
}

fn v2(bytes: &[u8]) -> Result<DecodedWrite, DecodeError> {
    decode_v2(bytes, &ReceiverLimits::default())
}

fn with(histogram: Histogram) -> DecodedWrite {
    let series =
        Series1 { labels: labels(&[("__name__", "h")]), histograms: vec![histogram], ..Series1::default() };
    v1(&Write1 { timeseries: vec![series], metadata: vec![] }.encode_to_vec()).unwrap()
}

fn data(decoded: &DecodedWrite) -> &MetricData {
    &decoded.batches[0].scopes[0].metrics[0].data
}

fn whole() -> Histogram {
    // Buckets 1: 2, 2: 3, 5: 1 above zero; -1: 4 below.
    let span = |offset, length| Span { offset, length };
    Histogram {
        count: 12,
        sum: 9.5,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2,
        positive_spans: vec![span(1, 2), span(2, 1)],
        positive_deltas: vec![2, 1, -2],
        negative_spans: vec![span(-1, 1)],
        negative_deltas: vec![4],
        timestamp: NOW,
        ..Histogram::default()
    }
}

#[test]
fn a_native_histogram_becomes_an_exponential_one() {
    let decoded = with(whole());
    let MetricData::ExponentialHistogram { points, .. } = data(&decoded) else { panic!("{decoded:?}") };
    let point = &points[0];
    assert_eq!((point.count, point.sum, point.scale, point.zero_count), (12, 9.5, 3, 2));
    // Ours are named by their lower bounds.
    let buckets = |offset, counts: &[u64]| ExponentialBuckets { offset, counts: counts.to_vec() };
    assert_eq!(point.positive, buckets(0, &[2, 3, 0, 0, 1]));
    assert_eq!(point.negative, buckets(-2, &[4]));
    assert_eq!((decoded.written.histograms, decoded.rejected), (1, 0));
    let float = Histogram {
        count: 0,
        count_float: 12.0,
        zero_count: 0,
        zero_count_float: 2.0,
        positive_deltas: vec![],
        positive_counts: vec![2.0, 3.0, 1.0],
        ..whole()
    };
    assert_eq!(data(&with(float)), data(&decoded));
}

#[test]
fn a_native_histogram_with_bounds_of_its_own_becomes_an_explicit_one() {
    let custom = Histogram {
        schema: -53,
        custom_values: vec![0.5, 1.0, 2.5],
        count: 6,
        zero_count: 0,
        positive_spans: vec![Span { offset: 1, length: 1 }, Span { offset: 1, length: 1 }],
        positive_deltas: vec![2, 2],
        negative_spans: vec![],
        negative_deltas: vec![],
        ..whole()
    };
    let decoded = with(custom);
    let MetricData::Histogram { points, .. } = data(&decoded) else { panic!("{decoded:?}") };
    assert_eq!((&*points[0].bounds, &*points[0].buckets), (&[0.5, 1.0, 2.5][..], &[0, 2, 0, 4][..]));
}

#[test]
fn what_has_no_place_is_left_out_with_its_reason() {
    let span = |offset, length| vec![Span { offset, length }];
    for (bad, why) in [
        (Histogram { schema: 9, ..whole() }, "schema"),
        (Histogram { reset_hint: 3, ..whole() }, "may fall"),
        (Histogram { timestamp: -1, ..whole() }, "before 1970"),
        (Histogram { positive_spans: span(0, 4_000_000_000), ..whole() }, "fit together"),
        (Histogram { positive_deltas: vec![2, -3, 1], ..whole() }, "fit together"),
        (Histogram { count: 3, ..whole() }, "fit together"),
        (Histogram { positive_spans: vec![span(1, 2)[0], span(-1, 1)[0]], ..whole() }, "fit together"),
        (Histogram { count_float: 0.5, ..whole() }, "whole numbers"),
        (Histogram { positive_counts: vec![0.5, 1.0, 1.0], ..whole() }, "whole numbers"),
        (Histogram { schema: -53, custom_values: vec![2.0, 1.0], ..whole() }, "ascend"),
        (Histogram { schema: -53, custom_values: vec![], ..whole() }, "fit together"),
    ] {
        let decoded = with(bad);
        assert_eq!((decoded.rejected, decoded.written.histograms, decoded.batches.len()), (1, 0, 0));
        assert!(decoded.reason.unwrap().contains(why), "{why}: {:?}", decoded.reason);
    }
    // Two billion empty buckets.
    let far = vec![Span { offset: 0, length: 1 }, Span { offset: i32::MAX, length: 2 }];
    let series = Series1 {
        labels: labels(&[("__name__", "h")]),
        histograms: vec![Histogram { positive_spans: far, ..whole() }],
        ..Series1::default()
    };
    let far = v1(&Write1 { timeseries: vec![series], metadata: vec![] }.encode_to_vec());
    assert!(matches!(far, Err(DecodeError::TooLarge { .. })), "{far:?}");
}

#[test]
fn the_end_of_a_series_is_understood_and_makes_no_point() {
    let samples = [1.0, STALE].map(|value| Sample { value, timestamp: NOW, start: 0 }).to_vec();
    let series = Series1 { labels: labels(&[("__name__", "up")]), samples, ..Series1::default() };
    let decoded = v1(&Write1 { timeseries: vec![series], metadata: vec![] }.encode_to_vec()).unwrap();
    assert_eq!((decoded.written.samples, decoded.batches[0].point_count()), (2, 1));
    let ended = with(Histogram { sum: STALE, ..whole() });
    assert_eq!((ended.written.histograms, ended.batches.len(), ended.rejected), (1, 0, 0));
}

#[test]
fn an_exemplar_finds_its_sample_also_in_another_entry_of_the_same_request() {
    let name = labels(&[("__name__", "c_total"), ("a", "b")]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let exemplar = |value| Exemplar1 {
        labels: labels(&[("trace_id", trace), ("span_id", "b7ad6b7169203331"), ("k", "v")]),
        value,
        timestamp: NOW,
    };
    let samples = vec![Sample { value: 1.0, timestamp: NOW, start: 0 }];
    let timeseries = vec![
        Series1 { labels: name.clone(), exemplars: vec![exemplar(2.0)], ..Series1::default() },
        Series1 { labels: name, samples, ..Series1::default() },
        Series1 {
            labels: labels(&[("__name__", "x")]),
            exemplars: vec![exemplar(3.0)],
            ..Series1::default()
        },
    ];
    let decoded = v1(&Write1 { timeseries, metadata: vec![] }.encode_to_vec()).unwrap();
    assert_eq!((decoded.written.exemplars, decoded.rejected), (1, 0));
    let MetricData::Gauge { points } = data(&decoded) else { panic!("{decoded:?}") };
    let [found] = &points[0].exemplars[..] else { panic!("{points:?}") };
    assert_eq!((found.trace_id.unwrap().to_string(), found.value), (trace.to_owned(), Number::F64(2.0)));
    assert_eq!(found.span_id.unwrap().to_string(), "b7ad6b7169203331");
    assert_eq!(found.attributes, [KeyValue::new("k", "v")]);
}

#[test]
fn in_2_0_types_texts_and_beginnings_come_with_each_series() {
    let mut request = Write2::default();
    let labels =
        request.refs(&["__name__", "c_total", "otel_scope_name", "lib", "otel_scope_version", "1.2"]);
    let texts = request.refs(&["Counts.", "things"]);
    let metadata = Some(Metadata2 { kind: 1, help: texts[0], unit: texts[1] });
    let samples = vec![
        Sample { value: 1.0, timestamp: NOW, start: 0 },
        Sample { value: 2.0, timestamp: NOW, start: NOW - 5 },
        Sample { value: 3.0, timestamp: NOW, start: NOW + 5 },
    ];
    request.timeseries = vec![Series2 { labels, samples, metadata, created: NOW - 10, ..Series2::default() }];
    let decoded = v2(&request.encode_to_vec()).unwrap();
    let scope = &decoded.batches[0].scopes[0];
    assert_eq!((&*scope.scope.name, &*scope.scope.version), ("lib", "1.2"));
    let metric = &scope.metrics[0];
    assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("c_total", "Counts.", "things"));
    let MetricData::Sum { points, monotonic: true, .. } = &metric.data else { panic!("{metric:?}") };
    let starts: Vec<u64> = points.iter().map(|p| p.start.unix_nanos() / 1_000_000).collect();
    assert_eq!(starts, [NOW as u64 - 10, NOW as u64 - 5, 0]);
}

/// Buckets by their index, each in a span of its own.
fn apart(buckets: &[u64], first: i32) -> (Vec<Span>, Vec<i64>) {
    let (mut spans, mut deltas, mut before) = (Vec::new(), Vec::new(), 0);
    let mut next = 0;
    for (i, n) in buckets.iter().enumerate().filter(|(_, n)| **n > 0) {
        let index = first + i32::try_from(i).unwrap();
        spans.push(Span { offset: index - next, length: 1 });
        next = index + 1;
        let n = i64::try_from(*n).unwrap();
        deltas.push(n - before);
        before = n;
    }
    (spans, deltas)
}

proptest! {
    #[test]
    fn buckets_are_where_they_were_however_they_are_written(
        above in prop::collection::vec(0_u64..5, 0..20),
        below in prop::collection::vec(0_u64..5, 0..20),
        first in -50_i32..50,
    ) {
        let count = above.iter().chain(&below).sum::<u64>() + 1;
        let (positive_spans, positive_deltas) = apart(&above, first);
        let (negative_spans, negative_deltas) = apart(&below, first);
        let histogram = Histogram {
            count, zero_count: 1, positive_spans, positive_deltas, negative_spans, negative_deltas,
            ..Histogram { positive_counts: vec![], ..whole() }
        };
        let decoded = with(histogram);
        let MetricData::ExponentialHistogram { points, .. } = data(&decoded) else { panic!("{decoded:?}") };
        let filled = |buckets: &ExponentialBuckets| buckets.iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>();
        for (written, read) in [(&above, &points[0].positive), (&below, &points[0].negative)] {
            let written: Vec<(i64, u64)> = written.iter().enumerate().filter(|(_, n)| **n > 0)
                .map(|(i, n)| (i64::from(first) + i as i64 - 1, *n)).collect();
            prop_assert_eq!(filled(read), written);
        }
    }

    #[test]
    fn every_sample_is_held_once_or_rejected_in_both_versions(
        series in prop::collection::vec(
            (prop::collection::btree_map("[a-z_]{0,4}", "[a-z]{0,3}", 0..4), prop::collection::vec(any::<(f64, i64)>(), 0..3)),
            0..8,
        ),
    ) {
        let (mut old, mut new) = (Write1::default(), Write2::default());
        new.symbols.push(Vec::new());
        for (pairs, samples) in &series {
            let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (&**k, &**v)).collect();
            pairs.push(("__name__", "n"));
            let samples: Vec<Sample> =
                samples.iter().map(|(value, t)| Sample { value: *value, timestamp: *t, start: 0 }).collect();
            let refs = new.refs(&pairs.iter().flat_map(|(k, v)| [*k, *v]).collect::<Vec<_>>());
            old.timeseries.push(Series1 { labels: labels(&pairs), samples: samples.clone(), ..Series1::default() });
            new.timeseries.push(Series2 { labels: refs, samples, ..Series2::default() });
        }
        let (a, b) = (v1(&old.encode_to_vec()).unwrap(), v2(&new.encode_to_vec()).unwrap());
        // By text: NaN is unlike itself.
        prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
        let sent: usize = series.iter().map(|(_, samples)| samples.len()).sum();
        let held: usize = a.batches.iter().map(MetricBatch::point_count).sum();
        prop_assert_eq!(held + a.rejected as usize, sent);
        prop_assert_eq!(a.written.samples as usize, held);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, at: usize, byte: u8) {
        let _ = (v1(&bytes), v2(&bytes));
        let series = Series1 {
            labels: labels(&[("__name__", "h")]), histograms: vec![whole()], ..Series1::default()
        };
        let mut damaged = Write1 { timeseries: vec![series], metadata: vec![] }.encode_to_vec();
        let at = at % damaged.len();
        damaged[at] = byte;
        let _ = v1(&damaged);
    }
}
