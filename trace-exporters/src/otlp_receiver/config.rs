//! Where and how OTLP is received.

use http::HeaderName;
use serde::Deserialize;

use super::OtlpReceiver;
use crate::receiver::{Holder, InvalidLimits, ReceiverLimits};

/// Where and how OTLP is received. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpReceiverConfig {
    /// `host:port` for gRPC; empty for none. Default `localhost:4317`. HTTP is answered here too.
    pub grpc: String,
    /// `host:port` for HTTP; empty for none. Default `localhost:4318`. gRPC is answered here too.
    pub http: String,
    /// The request header that names the tenant. Default: none, and spans belong to whom they say. Whoever can reach
    /// the receiver can send the header: let a proxy set it.
    #[serde(alias = "tenantHeader")]
    pub tenant_header: Option<String>,
    /// How much is taken.
    pub limits: ReceiverLimits,
}

impl Default for OtlpReceiverConfig {
    fn default() -> Self {
        Self {
            grpc: "localhost:4317".to_owned(),
            http: "localhost:4318".to_owned(),
            tenant_header: None,
            limits: ReceiverLimits::default(),
        }
    }
}

impl OtlpReceiverConfig {
    /// The defaults at other addresses; an empty one for none.
    pub fn new(grpc: impl Into<String>, http: impl Into<String>) -> Self {
        Self { grpc: grpc.into(), http: http.into(), ..Self::default() }
    }

    /// A receiver with these limits and this header, which takes spans; add metrics to it.
    ///
    /// # Errors
    /// If a limit is zero, or the header has no name that a header can have.
    pub fn receiver(&self, spans: impl Holder) -> Result<OtlpReceiver, InvalidReceiver> {
        self.limits.check()?;
        let receiver = OtlpReceiver::new(spans, self.limits.clone());
        let Some(name) = &self.tenant_header else { return Ok(receiver) };
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => Ok(receiver.tenant_header(name)),
            Err(_) => Err(InvalidReceiver::Header { name: name.clone() }),
        }
    }
}

/// The configuration of a receiver makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReceiver {
    /// A limit is zero.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// No header can have this name.
    #[error("tenant header {name:?} is no name of a header, such as x-tenant")]
    Header {
        /// What was given.
        name: String,
    },
}
