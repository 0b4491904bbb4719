//! `prometheus::ContentType::negotiate`: whatever `Accept` says (a line is a header), the answer is one that there is,
//! its header asks for itself, and the body is what the header says.

#![no_main]

use std::sync::Arc;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use trace_core::metric::LiveMetrics;
use trace_core::model::{MetricBatch, Resource};
use trace_exporters::prometheus::{ContentType, Encoder, ExpositionConfig, Format};

fuzz_target!(|input: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in input.split(|b| *b == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(ACCEPT, value);
        }
    }
    let asked = ContentType::negotiate(&headers);
    let header = asked.header();
    let again = ContentType::negotiate(&HeaderMap::from_iter([(ACCEPT, header.clone())]));
    assert_eq!((again.format, again.escaping), (asked.format, asked.escaping), "{header:?}");

    let batch = MetricBatch { resource: Arc::new(Resource::service("shop")), scopes: vec![] };
    let mut out = Vec::new();
    Encoder::new(ExpositionConfig::default()).encode(&LiveMetrics::from(&batch), asked, &mut out);
    let has_end = out.ends_with(b"# EOF\n");
    match asked.format {
        Format::OpenMetrics001 | Format::OpenMetrics100 => assert!(has_end),
        Format::Protobuf => assert_eq!(usize::from(out[0]), out.len() - 1, "one message of under 128 bytes"),
        _ => assert!(!has_end && out.ends_with(b"} 1\n")),
    }
});
