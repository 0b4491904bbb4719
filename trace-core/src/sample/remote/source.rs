//! Where strategies come from.

use async_trait::async_trait;

use super::strategy::{InvalidStrategy, Strategy};

/// A strategy could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

impl From<InvalidStrategy> for FetchError {
    fn from(error: InvalidStrategy) -> Self {
        Self(error.to_string())
    }
}

/// Answers what strategy a service should sample by.
#[async_trait]
pub trait StrategySource: Send + Sync {
    /// The strategy of a service; [`Strategy::parse`] reads Jaeger's JSON. Never called concurrently with itself; the caller
    /// limits the time, and refuses numbers that are out of range. Must limit the size of what it reads.
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError>;
}

#[async_trait]
impl<T: StrategySource + ?Sized> StrategySource for Box<T> {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        (**self).fetch(service).await
    }
}
