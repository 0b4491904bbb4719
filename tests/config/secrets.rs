//! Secrets are not seen.

use crate::support::{load_as, problems};
use mplp_trace::config::Format;

const TEXT: &str = r##"
opentelemetry:
  tracing: {exporters: {otlp: {endpoint: "https://h/x?api-key=${KEY}", headers: {X-Api: "k ${KEY}"}}}}
  metrics: {exporters: {otlp: {}}}
alerting:
  notifications:
    slack: {channel: "#a"}
    email: {smtpServer: m, fromAddress: a@b, toAddresses: c@d, username: u, password: "${SMTP_PASSWORD}"}
"##;

const VARS: [(&str, &str); 4] = [
    ("OTEL_AUTH_TOKEN", "hunter2-token"),
    ("KEY", "hunter2-key"),
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/hunter2"),
    ("SMTP_PASSWORD", "hunter2-password"),
];

#[test]
fn a_whole_configuration_shows_no_secret() {
    let (config, warnings) = load_as(TEXT, Format::Yaml, &VARS).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    for shown in [
        format!("{config:?}"),
        format!("{config:#?}"),
        serde_json::to_string(&config).unwrap(),
        config.alerting.notifications.slack.as_ref().unwrap().webhook_url.to_string(),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("***"), "{shown}");
    }
    let otlp = config.opentelemetry.tracing.exporters.otlp.unwrap();
    assert_eq!(otlp.headers["Authorization"].expose(), "Bearer hunter2-token");
    assert_eq!(otlp.headers["X-Api"].expose(), "k hunter2-key");
    assert_eq!(otlp.endpoint.as_str(), "https://h/x?api-key=hunter2-key");
    assert_eq!(config.alerting.notifications.email.unwrap().password.unwrap().expose(), "hunter2-password");
}

#[test]
fn no_problem_shows_a_secret() {
    let everywhere = "\
opentelemetry:
  service: {name: [\"${S}\"]}
  tracing:
    enabled: ${S}
    samplingRate: ${S}
    exporters:
      otlp: {endpoint: '${S}', headers: {'X-A': \"hunter2\\n\"}, timeoutMs: '${S}', compression: '${S}'}
      jaeger: {endpoint: 'http://user:hunter2@h/'}
  metrics: {exporters: {otlp: {endpoint: 'ftp://h/?key=hunter2'}}}
anomalyDetection: {aiModel: {modelType: '${S}'}}
alerting:
  deduplicationWindow: ${S}
  notifications:
    slack: {webhookUrl: '${S}'}
    email: {smtpServer: '${S}', fromAddress: '${S}', toAddresses: ['${S}', '${S}'], username: u, password: 'hunter2${'}
  routes: [{severity: '${S}', channels: ['${S}']}]
server: {host: '${S}', port: '${S}'}
";
    let vars = [("S", "hunter2 é"), ("OTEL_AUTH_TOKEN", "hunter2 é")];
    let found = problems(everywhere, &vars);
    assert!(found.len() > 15, "{found:#?}");
    assert!(!found.join("\n").contains("hunter2"), "{found:#?}");
}
