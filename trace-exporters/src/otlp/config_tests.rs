//! What a configuration reads, refuses and shows.

use std::time::Duration;

use super::*;
use proptest::prelude::*;

fn uri(endpoint: &str) -> String {
    OtlpConfig::new(endpoint).request_uri(Signal::Traces).unwrap().to_string()
}

#[test]
fn a_base_url_gets_the_path_of_the_signal() {
    assert_eq!(uri("http://h:4318"), "http://h:4318/v1/traces");
    assert_eq!(uri("http://h:4318/"), "http://h:4318/v1/traces");
    assert_eq!(uri("http://h/otlp/?tenant=a"), "http://h/otlp/v1/traces?tenant=a");
    let metrics = OtlpConfig::default().request_uri(Signal::Metrics).unwrap();
    assert_eq!(metrics, "http://localhost:4318/v1/metrics");
}

#[test]
fn a_full_url_is_used_as_it_is() {
    let config = OtlpConfig { url: Some("http://h/x".into()), ..OtlpConfig::default() };
    assert_eq!(config.request_uri(Signal::Traces).unwrap(), "http://h/x");
    let config = OtlpConfig { url: Some("http://h".into()), ..OtlpConfig::default() };
    assert_eq!(config.request_uri(Signal::Traces).unwrap(), "http://h/");
}

#[test]
fn a_url_that_cannot_be_used_is_named_with_a_remedy() {
    for (url, part) in [
        ("localhost:4318", "no scheme"),
        ("grpc://h", "other than http"),
        ("", "not a URL"),
        ("http://", "not a URL"),
        ("http://h h", "not a URL"),
    ] {
        let error = OtlpConfig::new(url).validate().unwrap_err().to_string();
        assert!(error.starts_with("endpoint") && error.contains(part), "{url}: {error}");
    }
}

#[test]
fn credentials_in_a_url_are_refused_and_never_shown() {
    let config = OtlpConfig::new("http://user:hunter2@h/p?api_key=hunter2");
    let error = config.validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "endpoint \"http://h/p\" holds credentials; send them with headers.authorization"
    );
    assert!(!format!("{error:?} {config:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn no_form_of_credentials_or_query_is_shown(user in "[a-z:/%@\\\\]{0,8}", path in "[a-z/]{0,5}") {
        for url in [format!("http://{user}hunter2@h/{path}"), format!("http://{user}h/{path}?k=hunter2")] {
            let config = OtlpConfig::new(&url);
            let said = format!("{config:?} {:?}", config.validate());
            prop_assert!(!said.contains("hunter2"), "{}", said);
        }
    }
}

#[test]
fn headers_are_redacted_and_checked() {
    let config = OtlpConfig::default().header("authorization", "Bearer hunter2");
    assert!(config.validate().is_ok());
    assert!(format!("{config:?}").contains("authorization"));
    assert!(!format!("{config:?}").contains("hunter2"));
    for (name, value, part) in [
        ("bad name", "x", "not a header name"),
        ("x", "hunter2\n", "value"),
        ("Content-Type", "text/html", "set by the exporter"),
    ] {
        let error = OtlpConfig::default().header(name, value).validate().unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
    let json =
        r#"{"endpoint":"http://h","compression":"gzip","timeoutMs":5,"headers":{"a":"b","c":null,"n":7}}"#;
    let config: OtlpConfig = serde_json::from_str(json).unwrap();
    assert_eq!((config.timeout, config.compression), (5.into(), Compression::Gzip));
    assert_eq!(config.headers.names().collect::<Vec<_>>(), ["a", "c", "n"]);
    let error = serde_json::from_str::<OtlpConfig>(r#"{"endpont":"x"}"#).unwrap_err().to_string();
    assert!(error.contains("endpont"), "{error}");
}

#[test]
fn a_header_of_another_type_is_refused_without_its_value() {
    let json = r#"{"headers":{"authorization":["hunter2"]}}"#;
    let error = serde_json::from_str::<OtlpConfig>(json).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_the_feature_says_which_feature() {
    let error = OtlpConfig::new("https://h").validate().unwrap_err().to_string();
    assert!(error.contains("feature `tls`"), "{error}");
}

#[test]
fn a_timeout_below_a_millisecond_is_still_a_limit() {
    let limit = |d: Duration| OtlpConfig::default().timeout(d).timeout.limit();
    assert_eq!(limit(Duration::from_micros(1)), Some(Duration::from_micros(1)));
    assert_eq!(limit(Duration::ZERO), None);
}

#[cfg(feature = "otlp-grpc")]
#[test]
fn an_address_for_grpc_has_no_path_and_may_lack_its_scheme() {
    let uri = |config: OtlpConfig| {
        config.protocol(Protocol::Grpc).request_uri(Signal::Metrics).map(|u| u.to_string())
    };
    let method = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    assert_eq!(uri(OtlpConfig::default()).unwrap(), format!("http://localhost:4317{method}"));
    assert_eq!(uri(OtlpConfig::new("http://h:1/")).unwrap(), format!("http://h:1{method}"));
    let bare = OtlpConfig { insecure: true, ..OtlpConfig::new("h:1") };
    assert_eq!(uri(bare).unwrap(), format!("http://h:1{method}"));
    let error = uri(OtlpConfig::new("http://h:1/v1/traces?k=hunter2")).unwrap_err().to_string();
    assert!(error.contains("path") && !error.contains("hunter2"), "{error}");
    let secure = uri(OtlpConfig::new("h:1"));
    match cfg!(feature = "tls") {
        true => assert_eq!(secure.unwrap(), format!("https://h:1{method}")),
        false => assert!(secure.unwrap_err().to_string().contains("feature `tls`")),
    }
}

#[cfg(not(feature = "otlp-grpc"))]
#[test]
fn grpc_without_the_feature_says_which_feature() {
    let error = OtlpConfig::default().protocol(Protocol::Grpc).validate().unwrap_err().to_string();
    assert!(error.contains("feature `otlp-grpc`"), "{error}");
}

#[test]
fn protocols_are_read_by_their_names() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
        let json = format!(r#"{{"protocol":"{}","inFlight":2}}"#, protocol.name());
        assert_eq!(serde_json::from_str::<OtlpConfig>(&json).unwrap().protocol, protocol);
    }
    let error = OtlpConfig { in_flight: 0, ..OtlpConfig::default() }.validate().unwrap_err().to_string();
    assert_eq!(error, "in_flight must be 1 to 16, got 0");
}
