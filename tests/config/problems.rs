//! What is said of configurations that are wrong.

use mplp_trace::config::{Format, TraceConfig};

use crate::support::{at, load_as, problems};

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    assert_eq!(
        problems(&at("opentelemetry.tracing", "samplingrat: 1"), &[]),
        ["opentelemetry.tracing.samplingrat is not a known key; did you mean samplingRate?"]
    );
    assert_eq!(
        problems(&at("alerting.notifications.email", "enabled: false\nrecipients: x"), &[]),
        [
            "alerting.notifications.email.recipients is not a known key; known here: enabled, smtpServer, fromAddress, \
          toAddresses, username, password, tls"
        ]
    );
    assert_eq!(
        problems("opentelemtry: {}", &[]),
        ["opentelemtry is not a known key; did you mean opentelemetry?"]
    );
}

#[test]
fn the_known_keys_are_those_of_the_documentation() {
    let unknown = |path: &str| {
        let text = if path.is_empty() { "qqqqqqqq: 1".to_owned() } else { at(path, "qqqqqqqq: 1") };
        let found = problems(&text, &[]);
        let mut keys: Vec<_> =
            found[0].split("known here: ").nth(1).unwrap().split(", ").map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys.join(" ")
    };
    for (path, keys) in [
        ("", "alerting anomalyDetection opentelemetry processing receivers server store tenancy"),
        ("opentelemetry", "logLevel logs metrics propagators resource service tracing"),
        ("opentelemetry.resource", "attributes detectors"),
        ("opentelemetry.service", "environment name namespace version"),
        ("opentelemetry.tracing", "batch enabled exporters limits sampling samplingRate"),
        ("opentelemetry.tracing.batch", "exportTimeoutMs maxBatchSize maxDelayMs maxQueueSize"),
        (
            "opentelemetry.tracing.limits",
            "attributes eventAttributes events linkAttributes links valueLength",
        ),
        (
            "opentelemetry.tracing.exporters",
            "clickhouse console jaeger kafka mplp otlp otlpFile sqlite zipkin",
        ),
        (
            "opentelemetry.tracing.exporters.otlp",
            "caCertificate clientCertificate clientKey compression delivery enabled endpoint headers inFlight insecure \
             maxRequestBytes maxRequestRecords protocol timeoutMs tls",
        ),
        ("opentelemetry.tracing.sampling", "head parentBased recordAll tail"),
        (
            "opentelemetry.tracing.sampling.tail",
            "decisionWait decisions enabled maxBytes maxSpans policies promote rootWait",
        ),
        ("opentelemetry.tracing.exporters.otlpFile", "delivery enabled maxFileBytes maxTotalBytes path"),
        ("opentelemetry.tracing.exporters.otlp.delivery", "failover retry spill tee throttle timeoutMs"),
        ("opentelemetry.tracing.exporters.console", "enabled"),
        (
            "opentelemetry.metrics",
            "enabled exemplarFilter exponentialHistograms exportTimeoutMs exporters intervalMs system",
        ),
        ("opentelemetry.metrics.exporters", "clickhouse console otlp otlpFile prometheus remoteWrite"),
        (
            "opentelemetry.metrics.exporters.prometheus",
            "createdLines enabled endpoint host port scopeLabels targetInfo translationStrategy",
        ),
        (
            "opentelemetry.metrics.exporters.otlp",
            "caCertificate clientCertificate clientKey compression delivery enabled endpoint headers inFlight insecure \
             intervalMs maxRequestBytes maxRequestRecords protocol temporality timeoutMs tls",
        ),
        ("opentelemetry.logs", "batch enabled exporters level limits"),
        ("opentelemetry.logs.exporters", "console otlp otlpFile"),
        ("opentelemetry.logs.limits", "attributes valueLength"),
        ("anomalyDetection", "aiModel enabled"),
        ("anomalyDetection.aiModel", "confidenceThreshold falseAlarmRate modelType"),
        ("alerting", "deduplicationWindow enabled notifications routes"),
        ("alerting.notifications", "console email slack"),
        ("alerting.notifications.slack", "channel enabled webhookUrl"),
        ("server", "host port"),
        ("store", "maxBytes readFrom"),
        ("processing", "enrich overwrite redact resource"),
        ("processing.resource", "enrich overwrite"),
        (
            "processing.redact",
            "action detectors enabled exceptKeys hashKey keys patterns rules spanNames usualSecrets",
        ),
        ("tenancy", "defaultTenant enabled maxTenants quota resourceAttributes spanAttributes tenants"),
        ("tenancy.quota", "alertsPerMinute series spanBurst spansPerSecond"),
    ] {
        assert_eq!(unknown(path), keys, "{path}");
    }
}

#[test]
fn a_temporality_is_one_of_three_words() {
    let said = problems(&at("opentelemetry.metrics.exporters.otlp", "temporality: sometimes"), &[]);
    let path = "opentelemetry.metrics.exporters.otlp.temporality";
    assert_eq!(said, [format!("{path} is \"sometimes\"; allowed: cumulative, delta, lowmemory")]);
}

#[test]
fn every_wrong_value_says_what_is_allowed() {
    for (path, line, expected) in [
        ("opentelemetry.tracing", "samplingRate: 2", "samplingRate is 2; allowed: a number from 0 to 1"),
        (
            "opentelemetry.tracing",
            "samplingRate: -0.1",
            "samplingRate is -0.1; allowed: a number from 0 to 1",
        ),
        (
            "opentelemetry.tracing",
            "samplingRate: '0.5'",
            "samplingRate is \"0.5\"; allowed: a number from 0 to 1",
        ),
        ("opentelemetry.tracing", "sampling_rate: [1]", "sampling_rate is a list; allowed: a single value"),
        ("opentelemetry.tracing", "enabled: yes", "enabled is \"yes\"; allowed: true or false"),
        ("opentelemetry.tracing", "enabled: 1", "enabled is 1; allowed: true or false"),
        ("opentelemetry.tracing", "exporters: otlp", "exporters is text; allowed: a section"),
        ("opentelemetry.service", "name: ''", "name is empty: give it a value or leave the key out"),
        ("opentelemetry.service", "version: 1.10", "version is 1.1; allowed: text (put it in quotes)"),
        (
            "opentelemetry.tracing.exporters.otlp",
            "timeoutMs: 0",
            "timeoutMs is 0; allowed: a whole number from 1 to 600000",
        ),
        (
            "opentelemetry.tracing.exporters.otlp",
            "timeoutMs: 1.5",
            "timeoutMs is 1.5; allowed: a whole number from 1 to 600000",
        ),
        (
            "opentelemetry.tracing.exporters.otlp",
            "compression: brotli",
            "compression is \"brotli\"; allowed: gzip, zstd, none",
        ),
        (
            "opentelemetry.tracing.exporters.otlp",
            "endpoint: h:1",
            "endpoint is \"h:1\"; allowed: a URL that begins with http:// or https://",
        ),
        (
            "opentelemetry.metrics.exporters.prometheus",
            "port: 65536",
            "port is 65536; allowed: a whole number from 0 to 65535",
        ),
        ("anomalyDetection.aiModel", "modelType: lstm", "modelType is \"lstm\"; allowed: isolation_forest"),
        (
            "anomalyDetection.aiModel",
            "falseAlarmRate: 0",
            "falseAlarmRate is 0; allowed: a number from 0.00001 to 0.2",
        ),
        (
            "alerting",
            "deduplicationWindow: 300",
            "deduplicationWindow is 300; allowed: a length with a unit, up to 7 days: 500ms, 30s, 5m, 1h, 1d",
        ),
        (
            "alerting",
            "deduplicationWindow: '300'",
            "deduplicationWindow is \"300\"; allowed: a length with a unit, up to 7 days: 500ms, 30s, 5m, 1h, 1d",
        ),
        ("alerting", "routes: {}", "routes is a section; allowed: a list of sections"),
        (
            "server",
            "host: 'a:1'",
            "host is \"a:1\"; allowed: an address or a name without a port, such as 0.0.0.0, ::1 or localhost",
        ),
        ("store", "maxBytes: 10", "maxBytes is 10; allowed: a whole number from 1048576 to 1099511627776"),
        (
            "store",
            "maxBytes: ${HALF",
            "maxBytes has a ${ without a }: close it, or write $${ for a literal ${",
        ),
    ] {
        assert_eq!(problems(&at(path, line), &[]), [format!("{path}.{expected}")], "{line}");
    }
    assert_eq!(problems("[1]", &[]), ["the configuration is a list; allowed: a section"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "opentelemetry:\n  tracing: {samplingRate: 7, foo: 1}\nserver: {port: -1}\nbar: 2\n";
    let error = load_as(text, Format::Yaml, &[]).unwrap_err();
    assert_eq!(error.problems().len(), 4);
    assert_eq!(error.to_string().lines().count(), 4);
    assert_eq!(error.omitted(), 0);
}

#[test]
fn very_many_problems_are_counted() {
    let text: String = (0..250).map(|i| format!("key{i}: 1\n")).collect();
    let error = load_as(&text, Format::Yaml, &[]).unwrap_err();
    assert_eq!((error.problems().len(), error.omitted()), (100, 150));
    assert!(error.to_string().ends_with("and 150 more problems"));
}

#[test]
fn one_key_in_two_spellings_is_an_error() {
    let found = problems(&at("opentelemetry.tracing", "samplingRate: 1\nsampling_rate: 0"), &[]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("is the same key as"), "{found:?}");
}

#[test]
fn a_file_is_named_in_every_problem() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.yaml");
    std::fs::write(&path, "a: 1\nb: 2\n").unwrap();
    let text = TraceConfig::from_file_with(&path, &|_| None).unwrap_err().to_string();
    assert!(text.lines().all(|line| line.starts_with(&format!("{}: ", path.display()))), "{text}");

    let missing = TraceConfig::from_file_with(dir.path().join("no.yaml"), &|_| None).unwrap_err().to_string();
    assert!(missing.contains("no.yaml: cannot read the file"), "{missing}");
    let directory = TraceConfig::from_file_with(dir.path(), &|_| None).unwrap_err().to_string();
    assert!(directory.contains("cannot read the file"), "{directory}");
}

#[test]
fn the_extension_says_the_format_and_without_one_both_are_tried() {
    let dir = tempfile::tempdir().unwrap();
    let (yaml, json) = ("server: {port: 1}", r#"{"server": {"port": 1}}"#);
    for (name, text, right) in [
        ("a.yaml", yaml, true),
        ("a.YML", yaml, true),
        ("a.json", json, true),
        ("a.json", yaml, false),
        ("a.conf", yaml, true),
        ("a.conf", json, true),
        ("plain", yaml, true),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let loaded = TraceConfig::from_file_with(&path, &|_| None);
        assert_eq!(loaded.map(|(c, _)| c.server.port).ok(), right.then_some(1), "{name} {text}");
    }
}

#[test]
fn a_file_over_the_limit_and_a_file_that_is_not_text_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big.yaml");
    std::fs::write(&path, "#".repeat(mplp_trace::config::MAX_BYTES + 1)).unwrap();
    let error = TraceConfig::from_file_with(&path, &|_| None).unwrap_err().to_string();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(TraceConfig::from_file_with(&path, &|_| None).unwrap_err().to_string().contains("UTF-8"));
}
