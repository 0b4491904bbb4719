//! Requests of metrics from outside: read within the limit or refused, and what was read comes back, in protobuf and in JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::model::MetricBatch;
use trace_exporters::otlp::{DecodeError, decode_metrics_within, encode_metrics, encode_metrics_json};
use trace_exporters::otlp_receiver::decode_metrics_json;

const MOST: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let limited = decode_metrics_within(bytes, MOST);
    let Ok(decoded) = decode_metrics_within(bytes, usize::MAX) else {
        assert!(limited.is_err());
        return;
    };
    match limited {
        Ok(limited) => {
            let held: usize = limited.batches.iter().map(MetricBatch::point_count).sum();
            assert!(held <= MOST);
            assert_eq!(format!("{:?}", limited.batches), format!("{:?}", decoded.batches));
        }
        Err(error) => assert_eq!(error, DecodeError::TooMany { limit: MOST }),
    }
    assert_eq!(decoded.reason.is_some(), decoded.rejected > 0);
    for batch in decoded.batches {
        let (mut once, mut again, mut json) = (Vec::new(), Vec::new(), Vec::new());
        encode_metrics(&batch, &mut once);
        encode_metrics_json(&batch, &mut json);
        let read = decode_metrics_within(&once, usize::MAX).expect("our own bytes");
        assert_eq!((read.batches.len(), read.rejected), (1, 0));
        assert_eq!(read.batches[0].point_count(), batch.point_count());
        encode_metrics(&read.batches[0], &mut again);
        assert_eq!(once, again);
        let from_json = decode_metrics_json(&json, usize::MAX).expect("our own JSON");
        // As texts, in which NaN equals NaN.
        assert_eq!(format!("{:?}", from_json.batches), format!("{:?}", read.batches));
    }
});
