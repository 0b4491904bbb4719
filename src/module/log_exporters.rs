//! Exporters of log records as they are configured, without what delivery puts around them.

use trace_core::pipeline::DestinationConfig;
use trace_core::signal::LogExporter;
use trace_exporters::otlp::OtlpLogExporter;
use trace_exporters::otlp::file::OtlpFileLogExporter;

use super::registry::LogPart;
use super::{BuildError, LogDestination, otlp};
use crate::config::{LogExporterConfig, TraceConfig};

/// The kinds that [`build`] knows.
pub(super) const KINDS: &[&str] = &["otlp", "otlpFile"];

/// The section of a destination.
pub(super) fn path(name: &str) -> String {
    format!("opentelemetry.logs.exporters.{name}")
}

/// Every destination by its name.
pub(super) fn configured(config: &TraceConfig) -> impl Iterator<Item = (String, LogExporterConfig)> {
    let exporters = &config.opentelemetry.logs.exporters;
    let otlp = exporters.otlp.iter().map(|d| (d.name.clone(), LogExporterConfig::Otlp(d.config.clone())));
    otlp.chain(exporters.destinations.iter().map(|d| (d.name.clone(), d.config.clone())))
}

/// The exporter, and how the pipeline feeds it.
pub(super) fn build(
    name: &str,
    config: &LogExporterConfig,
    whole: &TraceConfig,
) -> Result<LogPart, BuildError> {
    use LogExporterConfig as C;
    let usual = DestinationConfig::default();
    let mut remarks = None;
    let (exporter, fed): (Result<Box<dyn LogExporter>, BuildError>, _) = match config {
        C::Otlp(c) => {
            let component = otlp::components(c.protocol).logs;
            let fed = DestinationConfig { timeout: c.timeout, component, ..usual };
            (
                boxed(
                    name,
                    OtlpLogExporter::new(&otlp::settings(c)).inspect(|x| remarks = Some(x.remarks())),
                ),
                fed,
            )
        }
        C::OtlpFile(c) => (boxed(name, OtlpFileLogExporter::new(c)), usual),
    };
    let config = whole.opentelemetry.logs.batch.apply_to(fed);
    let destination = LogDestination { exporter: exporter?, config };
    Ok(LogPart { name: name.to_owned(), destination, remarks })
}

fn boxed<X: LogExporter + 'static, E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    exporter: Result<X, E>,
) -> Result<Box<dyn LogExporter>, BuildError> {
    exporter.map(|x| Box::new(x) as _).map_err(|e| BuildError::part(path(name), e))
}
