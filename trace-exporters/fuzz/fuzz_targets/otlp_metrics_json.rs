//! OTLP/JSON of metrics: read or refused, and what was read comes back after it was written again, in either form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::model::MetricBatch;
use trace_exporters::otlp::{decode_metrics, encode_metrics, encode_metrics_json};
use trace_exporters::otlp_receiver::decode_metrics_json;

const MOST: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let Ok(decoded) = decode_metrics_json(input, MOST) else { return };
    assert!(decoded.batches.iter().map(MetricBatch::point_count).sum::<usize>() <= MOST);
    assert_eq!(decoded.reason.is_some(), decoded.rejected > 0);
    for batch in decoded.batches {
        let (mut protobuf, mut json) = (Vec::new(), Vec::new());
        encode_metrics(&batch, &mut protobuf);
        encode_metrics_json(&batch, &mut json);
        let from_protobuf = decode_metrics(&protobuf).expect("our own bytes");
        let from_json = decode_metrics_json(&json, usize::MAX).expect("our own JSON");
        assert_eq!((from_protobuf.rejected, from_json.rejected), (0, 0));
        assert_eq!(from_protobuf.batches[0].point_count(), batch.point_count());
        // As texts, in which NaN equals NaN.
        assert_eq!(format!("{:?}", from_json.batches), format!("{:?}", from_protobuf.batches));
    }
});
