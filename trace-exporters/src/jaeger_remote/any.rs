//! The source that an address means.

use trace_core::sample::remote::StrategySource;

use super::endpoint::{InvalidSamplingEndpoint, as_grpc};
use super::source::JaegerSampling;

/// Asks at this address: over gRPC if it begins with `grpc://` or `grpcs://` (TLS), or has no path and Jaeger's port for
/// gRPC, 5779 or 14250; else over HTTP.
///
/// # Errors
/// If the address cannot be asked by this build.
pub fn source(endpoint: &str) -> Result<Box<dyn StrategySource>, InvalidSamplingEndpoint> {
    match as_grpc(endpoint.trim()) {
        Some(endpoint) => grpc(&endpoint),
        None => Ok(Box::new(JaegerSampling::new(endpoint.trim())?)),
    }
}

#[cfg(feature = "jaeger-remote-grpc")]
fn grpc(endpoint: &str) -> Result<Box<dyn StrategySource>, InvalidSamplingEndpoint> {
    Ok(Box::new(super::grpc::JaegerGrpcSampling::new(endpoint)?))
}

#[cfg(not(feature = "jaeger-remote-grpc"))]
fn grpc(endpoint: &str) -> Result<Box<dyn StrategySource>, InvalidSamplingEndpoint> {
    let address = super::endpoint::Address::read(endpoint)?;
    Err(address.fail("is gRPC: build trace-exporters with the feature `jaeger-remote-grpc`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_grpc_is_asked_over_http() {
        assert!(source("http://localhost:5778/sampling").is_ok());
        assert!(source("ftp://localhost").is_err());
    }

    #[test]
    fn an_address_of_grpc_needs_the_feature() {
        let made = source(" grpc://localhost:5779 ").map(|_| ()).map_err(|e| e.to_string());
        if cfg!(feature = "jaeger-remote-grpc") {
            assert_eq!(made, Ok(()));
        } else {
            assert!(made.is_err_and(|e| e.contains("feature `jaeger-remote-grpc`")));
        }
    }
}
