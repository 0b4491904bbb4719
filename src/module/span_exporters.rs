//! Exporters of spans as they are configured, without what delivery puts around them.

use std::sync::Arc;
use std::time::Duration;

use trace_core::pipeline::DestinationConfig;
use trace_core::signal::SpanExporter;
use trace_core::store::SpanReader;
use trace_exporters::clickhouse::ClickHouseStore;
use trace_exporters::http_client::Timeout;
use trace_exporters::jaeger::JaegerExporter;
#[cfg(feature = "kafka")]
use trace_exporters::kafka::KafkaSpanExporter;
use trace_exporters::mplp::MplpExporter;
use trace_exporters::otlp::OtlpSpanExporter;
use trace_exporters::otlp::file::OtlpFileSpanExporter;
#[cfg(feature = "sqlite")]
use trace_exporters::sqlite::SqliteStore;
use trace_exporters::zipkin::ZipkinExporter;

use super::registry::SpanPart;
use super::{BuildError, SpanDestination, otlp};
use crate::config::{SpanExporterConfig, TraceConfig};

/// The kinds that [`build`] knows.
pub(super) const KINDS: &[&str] = &[
    "otlp",
    "otlpFile",
    "jaeger",
    "zipkin",
    "mplp",
    "clickhouse",
    #[cfg(feature = "kafka")]
    "kafka",
    #[cfg(feature = "sqlite")]
    "sqlite",
];

/// The section of a destination.
pub(super) fn path(name: &str) -> String {
    format!("opentelemetry.tracing.exporters.{name}")
}

/// Every destination by its name.
pub(super) fn configured(config: &TraceConfig) -> impl Iterator<Item = (String, SpanExporterConfig)> {
    let exporters = &config.opentelemetry.tracing.exporters;
    let otlp = exporters.otlp.iter().map(|d| (d.name.clone(), SpanExporterConfig::Otlp(d.config.clone())));
    otlp.chain(exporters.destinations.iter().map(|d| (d.name.clone(), d.config.clone())))
}

/// The exporter, and how the pipeline feeds it.
pub(super) fn build(
    name: &str,
    config: &SpanExporterConfig,
    whole: &TraceConfig,
) -> Result<SpanPart, BuildError> {
    use SpanExporterConfig as C;
    let batch = &whole.opentelemetry.tracing.batch;
    let fed = |timeout, component| {
        batch.apply_to(DestinationConfig { timeout, component, ..DestinationConfig::default() })
    };
    let limit = |timeout: Timeout| timeout.limit().unwrap_or(Duration::MAX);
    let usual = DestinationConfig::default().timeout;
    let mut reader: Option<Arc<dyn SpanReader>> = None;
    let mut remarks = None;
    let (exporter, config): (Result<Box<dyn SpanExporter>, BuildError>, _) = match config {
        C::Otlp(c) => (
            boxed(name, OtlpSpanExporter::new(&otlp::settings(c)).inspect(|x| remarks = Some(x.remarks()))),
            fed(c.timeout, otlp::components(c.protocol).spans),
        ),
        C::OtlpFile(c) => (boxed(name, OtlpFileSpanExporter::new(c)), fed(usual, "")),
        C::Jaeger(c) => (boxed(name, JaegerExporter::new(c)), fed(limit(c.timeout), "")),
        C::Zipkin(c) => {
            (boxed(name, ZipkinExporter::new(c)), fed(limit(c.timeout), "zipkin_http_span_exporter"))
        }
        C::Mplp(c) => (boxed(name, MplpExporter::new(c)), fed(usual, "")),
        #[cfg(feature = "kafka")]
        C::Kafka(c) => (boxed(name, KafkaSpanExporter::new(c)), fed(limit(c.timeout), "")),
        C::ClickHouse(c) => {
            // Readers have another runtime than the destination: connections of their own.
            let failed = |e| BuildError::part(path(name), e);
            reader = Some(Arc::new(ClickHouseStore::new(c).map_err(failed)?));
            (boxed(name, ClickHouseStore::new(c)), fed(limit(c.timeout), ""))
        }
        #[cfg(feature = "sqlite")]
        C::Sqlite(c) => {
            let store = SqliteStore::open(c.clone()).map_err(|e| BuildError::part(path(name), e))?;
            reader = Some(Arc::new(store.clone()));
            (Ok(Box::new(store) as _), fed(usual, ""))
        }
    };
    let destination = SpanDestination { exporter: exporter?, config };
    Ok(SpanPart { name: name.to_owned(), destination, reader, remarks })
}

fn boxed<X: SpanExporter + 'static, E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    exporter: Result<X, E>,
) -> Result<Box<dyn SpanExporter>, BuildError> {
    exporter.map(|x| Box::new(x) as _).map_err(|e| BuildError::part(path(name), e))
}
