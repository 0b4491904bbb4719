//! What is the same of any official exporter behind our pipeline: how it is built, called, flushed and shut down, and
//! which of its errors are worth another attempt.

use std::fmt;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::hosted::{BuildError, Hosted, export_error, retry_timeouts};
use crate::signal::ExportError;

/// An official exporter with what it was told so far.
pub(super) struct Official<T> {
    hosted: Hosted<T>,
    retry_if: fn(&OTelSdkError) -> bool,
}

impl<T: Send + 'static> Official<T> {
    pub(super) fn new(told: T) -> Self {
        Self { hosted: Hosted::new(told), retry_if: retry_timeouts }
    }

    /// Builds the exporter when it is called first. `tell` makes of it what is called.
    pub(super) fn build_with<E: 'static, X: Into<BuildError>>(
        mut build: impl FnMut() -> Result<E, X> + Send + 'static,
        tell: fn(E) -> T,
    ) -> Self {
        let build = move || build().map(tell).map_err(Into::into);
        Self { hosted: Hosted::build_with(build), retry_if: retry_timeouts }
    }

    pub(super) fn set_retry_if(&mut self, retry_if: fn(&OTelSdkError) -> bool) {
        self.retry_if = retry_if;
    }

    /// Calls it, building it before if need be.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut T) -> Result<R, OTelSdkError> + Send + 'static,
    ) -> Result<R, ExportError> {
        self.hosted.run(call).await?.map_err(|e| export_error(e, self.retry_if))
    }

    /// Calls it, if it has been built.
    pub(super) async fn flush(
        &self,
        flush: impl FnOnce(&mut T) -> OTelSdkResult + Send + 'static,
    ) -> Result<(), ExportError> {
        let result = self.hosted.run_if_built(flush).await?;
        result.unwrap_or(Ok(())).map_err(|e| export_error(e, self.retry_if))
    }

    /// Calls it for the last time, if it has been built. To be shut down already is no error.
    pub(super) async fn shutdown(
        &self,
        shutdown: impl FnOnce(&mut T) -> OTelSdkResult + Send + 'static,
    ) -> Result<(), ExportError> {
        match self.hosted.close(shutdown).await? {
            None | Some(Ok(()) | Err(OTelSdkError::AlreadyShutdown)) => Ok(()),
            Some(Err(e)) => Err(export_error(e, self.retry_if)),
        }
    }
}

/// Official exporters need not be `Debug`, so it names the type `E` instead.
pub(super) fn debug<E>(adapter: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(adapter).field("exporter", &std::any::type_name::<E>()).finish_non_exhaustive()
}
