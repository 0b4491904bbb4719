//! The demo, run as a user runs it, with the slowdown a little earlier.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

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
