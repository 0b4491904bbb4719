//! Destinations of log records.

use trace_core::env::LogLevel;
use trace_core::log::Logger;
use trace_core::model::{LogRecord, LogSeverity};
use trace_core::pipeline::PipelineBuilder;

use super::health::Said;
use super::registry::{LogPart, Registry};
use super::{BuildError, TraceModule, delivery};
use crate::config::TraceConfig;

/// Adds what the configuration asks for.
pub(super) fn add(
    mut builder: PipelineBuilder,
    registry: &Registry,
    config: &TraceConfig,
    said: &mut Said,
) -> Result<PipelineBuilder, BuildError> {
    if config.opentelemetry.logs.enabled {
        let deliveries = config.opentelemetry.logs.exporters.deliveries().collect();
        let parts = registry.build_logs(config)?;
        said.extend(parts.iter().filter_map(|p| Some((format!("{}_logs", p.name), p.remarks.clone()?))));
        for LogPart { name, destination: d, .. } in delivery::logs(parts, &deliveries)? {
            builder = builder.export_logs_with(&format!("{name}_logs"), d.exporter, d.config);
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
