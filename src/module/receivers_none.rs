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
        match config.listeners().first() {
            Some((key, _)) => Err(BuildError::message(
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
