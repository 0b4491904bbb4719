//! The demo, run as a user runs it, with the slowdown a little earlier.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn the_demo_sees_a_trace_the_slowdown_and_its_delivered_alert() {
    let output = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["demo", "--for", "36s", "--slow-after", "24s", "--port", "0"])
        .env_clear()
        .current_dir("/")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let mut rest = out.as_str();
    for step in ["first trace", "slowdown injected", "anomaly detected", "alert delivered", "spans recorded"]
    {
        let at = rest.find(step).unwrap_or_else(|| panic!("no {step:?} where it belongs in:\n{out}\n{err}"));
        rest = &rest[at..];
    }
    assert!(!out.contains('\x1b'), "no colours where there is no terminal");
}

#[test]
fn the_demo_ends_when_nobody_reads_what_it_tells() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["demo", "--port", "0"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = demo.id().to_string();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out); // as `| head -1` does
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(demo.wait()));
    let status = end.recv_timeout(Duration::from_secs(20));
    if status.is_err() {
        let _ = Command::new("kill").arg(id).status();
    }
    assert!(status.expect("it goes on").unwrap().success());
}
