//! Without the feature `receivers` nothing is received.

use trace_core::metric::{InvalidInstrument, Meter};
use trace_core::pipeline::Pipeline;
use trace_core::service::HealthCheck;

use super::BuildError;
use crate::config::ReceiversConfig;

/// Receives nothing.
pub(super) struct Receivers;

impl Receivers {
    pub(super) fn build(config: &ReceiversConfig, _: &Pipeline) -> Result<Self, BuildError> {
        let kafka = config.kafka.as_ref().map(|_| "kafka");
        match config.listeners().first().map(|(key, _)| *key).or(kafka) {
            Some(key) => Err(BuildError::message(
                format!("receivers.{key}"),
                "this build receives nothing: build it with the feature receivers",
            )),
            None => Ok(Self),
        }
    }

    pub(super) fn register(&self, _: &Meter) -> Result<(), InvalidInstrument> {
        Ok(())
    }

    pub(super) fn health(&self) -> Option<std::sync::Arc<dyn HealthCheck>> {
        None
    }
}
