//! What a receiver of remote write answers: a byte for the version, two of status, then lines of headers, then the body.
//! No more is missing than was sent.

#![no_main]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use trace_exporters::remote_write::fuzzing::missing;

const NAMES: [&str; 4] = [
    "retry-after",
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];
const SENT: (u64, u64) = (500, 7);

fuzz_target!(|input: &[u8]| {
    let Some(([version, status @ ..], rest)) = input.split_first_chunk::<3>() else { return };
    let Ok(status) = StatusCode::from_u16(100 + u16::from_le_bytes(*status) % 900) else { return };
    let mut parts = rest.splitn(5, |b| *b == b'\n');
    let mut headers = HeaderMap::new();
    for name in NAMES {
        let line = parts.next().filter(|line| !line.is_empty());
        if let Some(Ok(value)) = line.map(HeaderValue::from_bytes) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let v2 = version % 2 == 1;
    match missing((status, headers, body), SENT, v2) {
        Some((missing, wait)) => {
            assert!(missing <= SENT.0 + SENT.1);
            assert!(wait.is_none_or(|w| w <= Duration::from_secs(300)));
            assert!(v2 || !status.is_success() || missing == 0);
        }
        None => assert!(status == StatusCode::UNSUPPORTED_MEDIA_TYPE || v2 && status.is_success()),
    }
});
