//! Exporters of metrics as they are configured, without what delivery puts around them.

use std::time::Duration;

use trace_core::metric::TemporalityPreference;
use trace_core::pipeline::DestinationConfig;
use trace_core::signal::MetricExporter;
use trace_exporters::clickhouse::ClickHouseMetricExporter;
use trace_exporters::http_client::Timeout;
use trace_exporters::otlp::OtlpMetricExporter;
use trace_exporters::otlp::file::OtlpFileMetricExporter;
use trace_exporters::remote_write::RemoteWriteExporter;

use super::registry::MetricPart;
use super::{BuildError, MetricDestination, otlp};
use crate::config::{MetricExporterConfig, TraceConfig};

/// The kinds that [`build`] knows.
pub(super) const KINDS: &[&str] = &["otlp", "otlpFile", "remoteWrite", "clickhouse"];

/// The section of a destination.
pub(super) fn path(name: &str) -> String {
    format!("opentelemetry.metrics.exporters.{name}")
}

/// Every destination by its name.
pub(super) fn configured(config: &TraceConfig) -> impl Iterator<Item = (String, MetricExporterConfig)> {
    let exporters = &config.opentelemetry.metrics.exporters;
    let otlp = exporters
        .otlp
        .iter()
        .map(|d| (d.name.clone(), MetricExporterConfig::Otlp(d.destination.clone(), d.temporality)));
    otlp.chain(exporters.destinations.iter().map(|d| (d.name.clone(), d.config.clone())))
}

/// The exporter, and how the pipeline feeds it.
pub(super) fn build(
    name: &str,
    config: &MetricExporterConfig,
    whole: &TraceConfig,
) -> Result<MetricPart, BuildError> {
    use MetricExporterConfig as C;
    let own = whole.opentelemetry.metrics.export_timeout;
    let fed = |timeout, component| DestinationConfig {
        timeout: own.unwrap_or(timeout),
        component,
        ..DestinationConfig::default()
    };
    let limit = |timeout: Timeout| timeout.limit().unwrap_or(Duration::MAX);
    let usual = DestinationConfig::default().timeout;
    let cumulative = TemporalityPreference::Cumulative;
    let mut remarks = None;
    let (exporter, config, temporality): (Result<Box<dyn MetricExporter>, BuildError>, _, _) = match config {
        C::Otlp(c, temporality) => (
            boxed(name, OtlpMetricExporter::new(&otlp::settings(c)).inspect(|x| remarks = Some(x.remarks()))),
            fed(c.timeout, otlp::components(c.protocol).metrics),
            *temporality,
        ),
        C::OtlpFile(c) => (boxed(name, OtlpFileMetricExporter::new(c)), fed(usual, ""), cumulative),
        C::RemoteWrite(c) => {
            (boxed(name, RemoteWriteExporter::new(c.clone())), fed(limit(c.timeout), ""), cumulative)
        }
        C::ClickHouse(c) => {
            (boxed(name, ClickHouseMetricExporter::new(c)), fed(limit(c.timeout), ""), cumulative)
        }
    };
    let destination = MetricDestination { exporter: exporter?, config, temporality };
    Ok(MetricPart { name: name.to_owned(), destination, remarks })
}

fn boxed<X: MetricExporter + 'static, E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    exporter: Result<X, E>,
) -> Result<Box<dyn MetricExporter>, BuildError> {
    exporter.map(|x| Box::new(x) as _).map_err(|e| BuildError::part(path(name), e))
}
