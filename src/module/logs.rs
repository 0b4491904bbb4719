//! Destinations of log records.

use std::time::Duration;

use trace_core::env::LogLevel;
use trace_core::log::Logger;
use trace_core::model::{LogRecord, LogSeverity};
use trace_core::pipeline::{DestinationConfig, PipelineBuilder};
use trace_exporters::console::ConsoleExporter;
use trace_exporters::otlp::OtlpLogExporter;
use trace_exporters::otlp::file::{OtlpFileConfig, OtlpFileLogExporter};

use super::builtin::transport;
use super::registry::{LogDestination, Registry};
use super::{BuildError, TraceModule};
use crate::config::TraceConfig;

/// The kinds that every registry begins with.
pub(super) fn register(registry: &mut Registry) {
    registry.log_exporter("otlp", |config| {
        let logs = &config.opentelemetry.logs;
        let Some(otlp) = &logs.exporters.otlp else { return Ok(None) };
        let exporter = OtlpLogExporter::new(&transport(otlp))
            .map_err(|e| BuildError::part("opentelemetry.logs.exporters.otlp", e))?;
        let usual = DestinationConfig {
            timeout: otlp.timeout,
            component: "otlp_http_log_exporter",
            ..DestinationConfig::default()
        };
        Ok(Some(LogDestination { exporter: Box::new(exporter), config: logs.batch.apply_to(usual) }))
    });
    registry.log_exporter("otlpFile", |config| {
        let logs = &config.opentelemetry.logs;
        let Some(file) = &logs.exporters.otlp_file else { return Ok(None) };
        let settings = OtlpFileConfig::new(&file.path).limits(file.max_file_bytes, file.max_total_bytes);
        let exporter = OtlpFileLogExporter::new(&settings)
            .map_err(|e| BuildError::part("opentelemetry.logs.exporters.otlpFile", e))?;
        let config = logs.batch.apply_to(DestinationConfig::default());
        Ok(Some(LogDestination { exporter: Box::new(exporter), config }))
    });
    registry.log_exporter("console", |config| {
        let console = config.opentelemetry.logs.exporters.console;
        Ok(console.map(|_| LogDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            // Who reads along does not want to wait.
            config: DestinationConfig { max_delay: Duration::ZERO, ..DestinationConfig::default() },
        }))
    });
}

/// Adds what the configuration asks for.
pub(super) fn add(
    mut builder: PipelineBuilder,
    registry: &Registry,
    config: &TraceConfig,
) -> Result<PipelineBuilder, BuildError> {
    if config.opentelemetry.logs.enabled {
        for (kind, d) in registry.build_logs(config)? {
            builder = builder.export_logs_with(&format!("{kind}_logs"), d.exporter, d.config);
        }
    }
    Ok(builder.log_limits(config.opentelemetry.logs.limits.limits()))
}

impl TraceModule {
    /// Where this process logs to. See [`TraceModule::log`] for a level.
    pub fn logger(&self) -> Logger {
        self.pipeline().logger()
    }

    /// Logs a text, if `opentelemetry.logs.level` wants its level.
    pub fn log(&self, level: LogLevel, text: &str) {
        if level == LogLevel::None || level > self.config().opentelemetry.logs.level {
            return;
        }
        let severity = match level {
            LogLevel::None | LogLevel::Trace => LogSeverity::TRACE,
            LogLevel::Debug => LogSeverity::DEBUG,
            LogLevel::Info => LogSeverity::INFO,
            LogLevel::Warn => LogSeverity::WARN,
            LogLevel::Error => LogSeverity::ERROR,
        };
        self.logger().emit(LogRecord::new(severity, text.to_owned()));
    }

    /// The layer that logs `tracing` events of the levels that `opentelemetry.logs.level` wants.
    ///
    /// ```
    /// use mplp_trace::{TraceConfig, TraceModule};
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// let module = TraceModule::builder().config(TraceConfig::default()).build()?;
    /// let subscriber = tracing_subscriber::registry().with(module.log_layer());
    /// tracing::subscriber::with_default(subscriber, || tracing::info!("exported as a log record"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tracing")]
    pub fn log_layer(&self) -> trace_core::log::LogLayer {
        trace_core::log::LogLayer::new(self.logger()).with_log_level(self.config().opentelemetry.logs.level)
    }
}
