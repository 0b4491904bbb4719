//! `remote_write_receiver::decode_v1`: what is held was understood, its histograms add up, and OTLP can say it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::model::{MetricBatch, MetricData};
use trace_exporters::otlp::{decode_metrics, encode_metrics};
use trace_exporters::receiver::ReceiverLimits;
use trace_exporters::remote_write_receiver::{Families, decode_v1};

fuzz_target!(|input: &[u8]| {
    let mut limits = ReceiverLimits::default();
    limits.max_decoded_bytes = 1 << 20;
    let Ok(decoded) = decode_v1(input, &limits, &Families::default(), None) else { return };
    let held: usize = decoded.batches.iter().map(MetricBatch::point_count).sum();
    // Ends of series are understood, and make no point.
    assert!(held as u64 <= decoded.written.samples + decoded.written.histograms);
    assert_eq!(decoded.reason.is_some(), decoded.rejected > 0);
    for batch in &decoded.batches {
        for metric in batch.scopes.iter().flat_map(|s| &s.metrics) {
            assert!(!metric.name.is_empty());
            if let MetricData::ExponentialHistogram { points, .. } = &metric.data {
                for p in points {
                    let sides = p.positive.counts.iter().chain(&p.negative.counts);
                    assert!(sides.chain([&p.zero_count]).sum::<u64>() <= p.count);
                }
            }
        }
        let mut bytes = Vec::new();
        encode_metrics(batch, &mut bytes);
        let again = decode_metrics(&bytes).expect("what was written can be read");
        let points: usize = again.batches.iter().map(MetricBatch::point_count).sum();
        assert_eq!(points + again.rejected as usize, batch.point_count());
    }
});
