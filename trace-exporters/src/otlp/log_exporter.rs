//! The exporter for log records.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use trace_core::model::LogBatch;
use trace_core::signal::{ExportError, LogExporter};

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::exporter::Sender;
use super::remarks::Remarks;
use crate::http_client::HeaderProvider;

/// Sends log records to an OTLP receiver; see [`OtlpSpanExporter`](super::OtlpSpanExporter).
pub struct OtlpLogExporter(Sender);

impl OtlpLogExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Logs, None).map(Self)
    }

    /// The same with headers that change, such as a token that expires.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn with_headers(
        config: &OtlpConfig,
        provider: impl HeaderProvider + 'static,
    ) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Logs, Some(Arc::new(provider))).map(Self)
    }

    /// What the receiver remarks while it takes everything.
    pub fn remarks(&self) -> Arc<Remarks> {
        self.0.remarks.clone()
    }
}

#[async_trait]
impl LogExporter for OtlpLogExporter {
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
        self.0.send_all(batch).await
    }
}

impl fmt::Debug for OtlpLogExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpLogExporter").field(self.0.transport()).finish()
    }
}
