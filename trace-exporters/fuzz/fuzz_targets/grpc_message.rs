//! The five bytes before a message: what a server answers, and what a client calls, also compressed. What is read is what
//! lies behind them, or within the limit.
//!
//! The first byte chooses who reads.

#![no_main]

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use trace_exporters::otlp::fuzzing as client;
use trace_exporters::otlp_receiver::fuzzing as server;

const LIMIT: usize = 100_000;

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let plain = body.first() == Some(&0);
    match choice % 4 {
        0 => {
            let Some(message) = client::grpc_message(body) else { return };
            assert!(plain && message == &body[5..]);
            drop(client::grpc_partial_success(message));
        }
        1 => {
            let Some(message) = server::grpc_message(None, body, LIMIT) else { return };
            assert!(plain && message == body[5..]);
        }
        2 => {
            let gzip = HeaderValue::from_static("gzip");
            let Some(message) = server::grpc_message(Some(gzip), body, LIMIT) else { return };
            assert!(if plain { message == body[5..] } else { message.len() <= LIMIT });
        }
        // The name of the compression is the first line.
        _ => {
            let end = body.iter().position(|b| *b == b'\n').unwrap_or(body.len());
            let Ok(name) = HeaderValue::from_bytes(&body[..end]) else { return };
            let rest = body.get(end + 1..).unwrap_or_default();
            let message = server::grpc_message(Some(name), rest, LIMIT);
            assert!(message.is_none_or(|m| m.len() <= LIMIT));
        }
    }
});
