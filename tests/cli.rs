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

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in ["serve", "demo"] {
        let output = run(&[command, "--port", &port], &[]);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}: {err}");
        assert!(err.starts_with(&format!("address 127.0.0.1:{port} is in use")), "{command}: {err}");
        assert!(err.contains("--port 0"), "{command}: {err}");
    }
}

#[test]
fn the_prometheus_port_is_taken_in_a_configuration_file() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.yaml");
    let text = format!(
        "opentelemetry: {{metrics: {{exporters: {{prometheus: {{port: {port}}}}}}}}}\nserver: {{port: 0}}"
    );
    std::fs::write(&path, text).unwrap();
    let output = run(&["serve", "--config", path.to_str().unwrap()], &[]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.starts_with(&format!("prometheus address 127.0.0.1:{port} is in use")), "{err}");
    assert!(err.contains("(opentelemetry.metrics.exporters.prometheus.port)"), "{err}");
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named_with_a_way_out() {
    // TEST-NET-1 of RFC 5737: no machine has it.
    let output = run(&["serve", "--host", "192.0.2.1", "--port", "0"], &[]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot listen on 192.0.2.1:0: "), "{err}");
    assert!(err.contains("choose another address with --host"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_does_not_pass_for_an_absent_one() {
    use std::os::unix::ffi::OsStrExt;

    let output = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["check-config", "/dev/null"])
        .env_clear()
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
        .env("OTEL_AUTH_TOKEN", std::ffi::OsStr::from_bytes(b"secret\xff"))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot send OTEL_AUTH_TOKEN"), "{err}");
    assert!(err.contains("give the token alone, without Bearer") && !err.contains("secret"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_said() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["serve", "--port", "0"])
        .env_clear()
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("refused output") && err.contains("No space left"), "{err}");
}

#[test]
fn what_a_server_would_refuse_is_refused_by_the_check() {
    let (code, _, err) = check(
        "alerting: {notifications: {slack: {webhookUrl: 'http://hooks.slack.com/services/s3cret'}}}\n\
         anomalyDetection: {aiModel: {confidenceThreshold: 0}}",
        &[],
    );
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("webhookUrl must begin with https://") && !err.contains("s3cret"), "{err}");
    assert!(err.contains("confidenceThreshold is 0"), "{err}");
}

#[test]
fn a_bad_configuration_does_not_start_a_server() {
    let output = run(&["serve"], &[("PORT", "no port")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("server.port (from PORT) is \"no port\""));
}

#[cfg(unix)]
#[test]
fn the_server_says_where_it_listens_and_ends_in_order() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let mut server = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["serve", "--port", "0"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let port: u16 = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(line, format!("listening on http://127.0.0.1:{port}\n"));

    let connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(
        &mut &connection,
        b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    (&connection).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#""status":"healthy""#), "{answer}");

    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(rest.contains("alerts             to console"), "{rest}");
    assert!(rest.contains("spans recorded"), "{rest}");
}

#[test]
fn the_example_configuration_is_ok() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/trace.yaml");
    let output = run(&["check-config", file], &[]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(said, format!("{file}: ok\n"));
}

#[test]
fn a_sampler_that_cannot_be_is_named_by_its_path() {
    let (code, _, err) = check("opentelemetry: {tracing: {sampling: {tail: {decision_wait: 10}}}}", &[]);
    assert_eq!(code, Some(1));
    let expected = "FILE: opentelemetry.tracing.sampling.tail.decision_wait is 10; allowed: a length";
    assert!(err.starts_with(expected), "{err}");
}

#[test]
fn the_log_level_decides_whether_warnings_are_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (level, warned) in [("info", true), ("warn", true), ("error", false), ("none", false)] {
        let vars = [("OTEL_LOG_LEVEL", level), ("OTEL_BSP_MAX_QUEUE_SIZE", "many")];
        let output = run(&["serve", "--port", &port], &vars);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(err.contains("warning: OTEL_BSP_MAX_QUEUE_SIZE"), warned, "{level}: {err}");
        assert!(err.contains("is in use"), "why it ends is said at any level: {err}");
    }
}
