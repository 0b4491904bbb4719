//! One unary call: what strategy a service should sample by.

use std::fmt;

use async_trait::async_trait;
use http::{HeaderMap, Uri};
use trace_core::sample::remote::{FetchError, Strategy, StrategySource};

use super::endpoint::{Address, InvalidSamplingEndpoint};
use super::message;
use super::source::AGENT;

use crate::grpc_client::{CallError, Code, GrpcClient, frame};
use crate::http_client::{Carried, Timeout, TlsConfig};

const METHOD: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

/// Asks a Jaeger backend for strategies over gRPC: `jaeger.api_v2.SamplingManager/GetSamplingStrategy`, by HTTP/2 without
/// negotiation, or over TLS.
pub struct JaegerGrpcSampling {
    client: GrpcClient,
    shown: String,
}

impl JaegerGrpcSampling {
    /// Asks at this address, such as `http://localhost:5779`. `https` needs the feature `tls`.
    ///
    /// # Errors
    /// If the address is not a URL that this build can ask, has a path or a query, or holds a password.
    pub fn new(endpoint: &str) -> Result<Self, InvalidSamplingEndpoint> {
        let address = Address::read(endpoint)?;
        if !matches!(address.uri.path(), "" | "/") || address.uri.query().is_some() {
            return Err(address.fail("must not have a path: gRPC has its own"));
        }
        let mut parts = address.uri.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static(METHOD));
        let uri = Uri::from_parts(parts).map_err(|e| address.fail(e))?;
        let client =
            GrpcClient::new(uri, Carried::new(HeaderMap::new(), None), &TlsConfig::default(), Timeout::NONE);
        let client = client.map_err(|e| address.fail(e))?.agent(AGENT).without_idle_connection();
        Ok(Self { client, shown: address.shown })
    }

    fn fail(&self, what: impl fmt::Display) -> FetchError {
        FetchError(format!("gRPC {}: {what}", self.shown))
    }
}

#[async_trait]
impl StrategySource for JaegerGrpcSampling {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        let answer = self.client.call(frame::of(&message::parameters(service))).await;
        let answer = answer.map_err(|e| match e {
            CallError::Unanswered(e) => FetchError(e.to_string()),
            CallError::Unreadable(what) => FetchError(what),
            CallError::Refused(status) if status.code == Code::UNIMPLEMENTED => {
                self.fail(format_args!("{status} (is it Jaeger's sampling port, 5779?)"))
            }
            CallError::Refused(status) => self.fail(status),
        })?;
        message::response(&answer).map_err(|e| self.fail(e))
    }
}

impl fmt::Debug for JaegerGrpcSampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerGrpcSampling").field("endpoint", &self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_path_or_secrets_is_refused() {
        for bad in ["http://h:5779/sampling", "http://h?token=secret", "http://u:secret@h", "h:5779"] {
            let error = JaegerGrpcSampling::new(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(JaegerGrpcSampling::new("http://h:5779/").is_ok());
    }
}
