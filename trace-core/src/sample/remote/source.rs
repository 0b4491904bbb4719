//! Where strategies come from.

use async_trait::async_trait;

/// A strategy could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Answers what strategy a service should sample by.
#[async_trait]
pub trait StrategySource: Send + Sync {
    /// The strategy as JSON, as Jaeger answers `GET /sampling?service=NAME`. Never called concurrently with itself; the
    /// caller limits the time. Must limit the size of what it reads.
    async fn fetch(&self, service: &str) -> Result<Vec<u8>, FetchError>;
}
