//! The environment variables `OTEL_EXPORTER_ZIPKIN_*` of the OpenTelemetry specification.

use super::config::ZipkinConfig;
use crate::http_client::Timeout;

/// A configuration read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FromEnv {
    /// What was read, over the defaults.
    pub config: ZipkinConfig,
    /// What could not be read and was ignored: name of the variable and reason, never its value.
    pub warnings: Vec<String>,
}

impl ZipkinConfig {
    /// Reads `OTEL_EXPORTER_ZIPKIN_ENDPOINT` and `OTEL_EXPORTER_ZIPKIN_TIMEOUT` (milliseconds). An empty variable is an
    /// unset one.
    ///
    /// `lookup` returns the value of a variable; in a program it is `|name| std::env::var(name).ok()`.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> FromEnv {
        let find = |name| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let mut read = FromEnv { config: Self::default(), warnings: Vec::new() };
        if let Some(endpoint) = find("OTEL_EXPORTER_ZIPKIN_ENDPOINT") {
            read.config.endpoint = endpoint.into();
        }
        if let Some(timeout) = find("OTEL_EXPORTER_ZIPKIN_TIMEOUT") {
            match timeout.parse() {
                Ok(ms) => read.config.timeout = Timeout::from_millis(ms),
                Err(_) => {
                    let reason = "is not a whole number of milliseconds; ignored";
                    read.warnings.push(format!("OTEL_EXPORTER_ZIPKIN_TIMEOUT {reason}"));
                }
            }
        }
        read
    }
}
