//! What it costs to send a span by OTLP, against the official SDK and opentelemetry-otlp.
//!
//! `encode`: 512 spans of which 504 have four attributes, from what the exporter is handed to the bytes of a request; the
//! peer does what opentelemetry-otlp does, its transformation and prost's encoding. Contenders take turns, and the figure
//! is the best burst.
//!
//! `recording to bytes on a socket`: a process records traces and sends them to a sink in another process, which reads and
//! answers without decoding. The figure is the processor time of the whole sending process, the least of several
//! processes. No span may be lost.
//!
//! `cargo xtask bench otlp --json` prints a line of JSON a case.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program, not a library")]

mod encode;
mod sender;
mod sink;

use std::process::{Command, Stdio};

const PROCESSES: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, contender, url] = arguments.as_slice()
        && role == "--send"
    {
        return println!("{}", sender::seconds_per_million(contender, url));
    }
    report(
        "encode a span with 4 attributes, 512 a batch",
        "opentelemetry-otlp",
        "ns/span",
        12.0,
        encode::measure(),
    );
    for (protocol, goal) in [("http", 8.0), ("grpc", 5.0)] {
        let sink = sink::start(protocol);
        let mut least = [f64::INFINITY; 2];
        for _ in 0..PROCESSES {
            for (least, who) in least.iter_mut().zip(["ours", "sdk"]) {
                *least = least.min(sent_by(&format!("{who}-{protocol}"), &sink));
            }
        }
        let case = format!("recording to bytes on a socket, {protocol}/protobuf");
        report(&case, "SDK + opentelemetry-otlp", "CPU s/M spans", goal, least);
    }
}

/// The figure of a process of its own.
fn sent_by(contender: &str, url: &str) -> f64 {
    let program = std::env::current_exe().expect("a program knows its file");
    let output = Command::new(program).args(["--send", contender, url]).stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be started");
    assert!(output.status.success(), "{contender} failed");
    let text = String::from_utf8(output.stdout).expect("a number is UTF-8");
    text.trim().parse().expect("the sender prints a number")
}

fn report(case: &str, peer_name: &str, unit: &str, goal: f64, [ours, peer]: [f64; 2]) {
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let ratio = peer / ours;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
        "ratio": (ratio * 100.0).round() / 100.0, "goal": goal, "met": ratio >= goal,
    });
    println!("{line}");
}
