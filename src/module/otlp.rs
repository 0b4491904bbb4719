//! OTLP as it is configured.

use std::time::Duration;

use trace_exporters::otlp::{self, Protocol};

use crate::config::{Compression, OtlpConfig};

/// The exporter's own settings.
pub(super) fn settings(config: &OtlpConfig) -> otlp::OtlpConfig {
    // 0 is without limit there.
    let timeout = if config.timeout == Duration::MAX { Duration::ZERO } else { config.timeout };
    let mut settings = otlp::OtlpConfig::default().protocol(config.protocol).timeout(timeout);
    settings = settings.compression(match config.compression {
        Compression::Gzip => otlp::Compression::Gzip,
        #[cfg(feature = "zstd")]
        Compression::Zstd => otlp::Compression::Zstd,
        Compression::None => otlp::Compression::None,
    });
    settings.url = Some(config.endpoint.as_str().into());
    settings.tls.ca_certificate = config.ca_certificate.as_ref().map(Into::into);
    settings.tls.client_certificate = config.client_certificate.as_ref().map(Into::into);
    settings.tls.client_key = config.client_key.as_ref().map(Into::into);
    settings.max_request_bytes = config.max_request_bytes.unwrap_or(settings.max_request_bytes);
    settings.max_request_records = config.max_request_records.unwrap_or(settings.max_request_records);
    settings.in_flight = config.in_flight.unwrap_or(settings.in_flight);
    config.headers.iter().fold(settings, |settings, (name, value)| settings.header(name, value.expose()))
}

/// `otel.component.type` by the semantic conventions.
pub(super) struct Components {
    pub(super) spans: &'static str,
    pub(super) metrics: &'static str,
    pub(super) logs: &'static str,
}

/// What exporters of a protocol are called.
pub(super) fn components(protocol: Protocol) -> Components {
    let [spans, metrics, logs] = match protocol {
        Protocol::HttpJson => {
            ["otlp_http_json_span_exporter", "otlp_http_json_metric_exporter", "otlp_http_json_log_exporter"]
        }
        Protocol::Grpc => ["otlp_grpc_span_exporter", "otlp_grpc_metric_exporter", "otlp_grpc_log_exporter"],
        _ => ["otlp_http_span_exporter", "otlp_http_metric_exporter", "otlp_http_log_exporter"],
    };
    Components { spans, metrics, logs }
}
