//! The program, run as a user runs it.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};

/// Runs the program under exactly these variables.
fn run(args: &[&str], vars: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(args)
        .env_clear()
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

fn check(text: &str, vars: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.yaml");
    std::fs::write(&path, text).unwrap();
    let output = run(&["check-config", path.to_str().unwrap()], vars);
    let shown =
        |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(path.to_str().unwrap(), "FILE");
    (output.status.code(), shown(&output.stdout), shown(&output.stderr))
}

#[test]
fn a_good_configuration_is_ok() {
    assert_eq!(check("server: {port: 0}", &[]), (Some(0), "FILE: ok\n".into(), String::new()));
}

#[test]
fn warnings_are_shown_and_do_not_fail() {
    let (code, out, err) = check("alerting: {notifications: {slack: {enabled: true}}}", &[]);
    assert_eq!((code, out.as_str()), (Some(0), "FILE: ok, 1 warning\n"));
    assert!(err.starts_with("FILE: warning: alerting.notifications.slack: no webhook URL"), "{err}");
}

#[test]
fn problems_fail_with_one_line_each() {
    let (code, out, err) = check("opentelemetry: {tracing: {samplingrat: 1}}\nserver: {host: a b}", &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(err.starts_with(
        "FILE: opentelemetry.tracing.samplingrat is not a known key; did you mean samplingRate?"
    ));
}

#[test]
fn the_environment_counts() {
    let (code, _, err) = check("", &[("PORT", "no port")]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("FILE: server.port (from PORT) is \"no port\""), "{err}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&["check-config", "no/such/file.yaml"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("no/such/file.yaml: cannot read the file: "), "{err}");
}

#[test]
fn wrong_usage_is_explained() {
    for args in [&[][..], &["no-such-command"], &["check-config"]] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage: mplp-trace"), "{args:?}");
    }
}
