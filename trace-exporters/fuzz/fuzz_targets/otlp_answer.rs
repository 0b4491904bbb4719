//! What a receiver answers over HTTP: two bytes of status, then lines of `Content-Type` and `Retry-After`, then the body.

#![no_main]

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use trace_exporters::otlp::fuzzing::read_answer;

fuzz_target!(|input: &[u8]| {
    let Some((status, rest)) = input.split_first_chunk::<2>() else { return };
    let status = 100 + u16::from_le_bytes(*status) % 900;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut parts = rest.splitn(3, |b| *b == b'\n');
    let mut headers = HeaderMap::new();
    for name in [CONTENT_TYPE, RETRY_AFTER] {
        let line = parts.next().filter(|line| !line.is_empty());
        if let Some(Ok(value)) = line.map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    }
    let body = parts.next().unwrap_or_default();
    let message = match read_answer(status, &headers, body, SystemTime::UNIX_EPOCH) {
        Ok((_, message)) => {
            assert!(status.is_success());
            message
        }
        Err((retryable, wait, message)) => {
            assert_eq!(retryable, [429, 502, 503, 504].contains(&status.as_u16()));
            assert!(wait.is_none_or(|w| retryable && w <= Duration::from_secs(300)));
            message
        }
    };
    assert!(message.chars().count() < 400 && !message.chars().any(char::is_control));
});
