//! How a call ended: lines of code, message and details become one line of bounded length, and a wait that can be waited.

#![no_main]

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use trace_exporters::otlp::fuzzing::grpc_status;

const NAMES: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

fuzz_target!(|input: &[u8]| {
    let mut trailers = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(input.split(|b| *b == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            trailers.insert(HeaderName::from_static(name), value);
        }
    }
    let Some((_, message, wait, text)) = grpc_status(&trailers) else {
        assert!(!trailers.contains_key("grpc-status"));
        return;
    };
    assert!(message.chars().count() <= 300 && !text.chars().any(char::is_control));
    if let Some(wait) = wait {
        assert!(Instant::now().checked_add(wait.min(Duration::from_secs(300))).is_some());
    }
});
