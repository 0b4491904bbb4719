//! Sampling as a Jaeger backend says.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use trace_core::sample::JaegerSetting;

use crate::config::duration::{Length, as_text};
use crate::config::endpoint::{Endpoint, EndpointError};
use crate::config::section::Section;

/// `sampling.head` of type `jaeger_remote`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteSamplingConfig {
    /// Where to ask; `http://localhost:5778/sampling` by default. `grpc://` and `grpcs://`, and `http` without a path at
    /// Jaeger's gRPC ports 5779 and 14250, are asked over gRPC.
    pub endpoint: SamplingEndpoint,
    /// `pollingInterval`: how often; `5m` by default, at least 100 ms.
    #[serde(serialize_with = "as_text")]
    pub polling_interval: Duration,
    /// `initialProbability`: the share until the first answer; 0.001 by default.
    pub initial_probability: f64,
}

/// An address as the source of strategies takes it. Debug, Display and Serialize mask the query.
#[derive(Clone, PartialEq, Eq)]
pub struct SamplingEndpoint {
    text: String,
    shown: String,
}

impl SamplingEndpoint {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SamplingEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let http = match text.split_once("://") {
            Some((grpc, rest)) if grpc.eq_ignore_ascii_case("grpc") => format!("http://{rest}"),
            Some((grpc, rest)) if grpc.eq_ignore_ascii_case("grpcs") => format!("https://{rest}"),
            _ => text.to_owned(),
        };
        http.parse::<Endpoint>()?;
        let shown = text.split_once('?').map_or_else(|| text.to_owned(), |(front, _)| format!("{front}?***"));
        Ok(Self { text: text.to_owned(), shown })
    }
}

impl fmt::Display for SamplingEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SamplingEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamplingEndpoint({})", self.shown)
    }
}

impl Serialize for SamplingEndpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl RemoteSamplingConfig {
    pub(super) fn of_env(setting: &JaegerSetting) -> Result<Self, String> {
        let endpoint = setting.endpoint.parse();
        let endpoint = endpoint.map_err(|e| format!("endpoint cannot be used; allowed: {e}"))?;
        Ok(Self {
            endpoint,
            polling_interval: setting.interval,
            initial_probability: setting.initial_probability,
        })
    }

    pub(super) fn read(s: &Section<'_>) -> Self {
        let default = JaegerSetting::default();
        let endpoint = s.field("endpoint").parse::<SamplingEndpoint>();
        let endpoint = endpoint.unwrap_or_else(|| SamplingEndpoint {
            text: default.endpoint.clone(),
            shown: default.endpoint.clone(),
        });
        Self {
            endpoint,
            polling_interval: s
                .field("pollingInterval")
                .parse::<Length>()
                .map_or(default.interval, |length| length.0.max(SHORTEST)),
            initial_probability: s
                .field("initialProbability")
                .number(0.0..=1.0)
                .unwrap_or(default.initial_probability),
        }
    }
}

/// What the poller goes down to.
const SHORTEST: Duration = Duration::from_millis(100);
