//! The kinds of destinations for metrics.

use trace_core::metric::TemporalityPreference;
use trace_exporters::clickhouse::ClickHouseConfig;
use trace_exporters::otlp::file::OtlpFileConfig;
use trace_exporters::remote_write::RemoteWriteConfig;

use super::destination::Destination;
use super::span_exporter::kind;
use super::typed;
use crate::config::field::without_secrets;
use crate::config::metrics::TEMPORALITIES;
use crate::config::otlp::OtlpConfig;
use crate::config::otlp_env::OtlpSignal;
use crate::config::section::Section;

/// The settings of a destination for metrics, by its kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricExporterConfig {
    /// `otlp/NAME`: where, and whether its points tell totals or changes. The variables `OTEL_EXPORTER_OTLP_*` do not
    /// concern it.
    Otlp(OtlpConfig, TemporalityPreference),
    /// `otlpFile`: OTLP as lines of JSON.
    OtlpFile(OtlpFileConfig),
    /// `remoteWrite`: Prometheus remote write.
    RemoteWrite(RemoteWriteConfig),
    /// `clickhouse`.
    ClickHouse(ClickHouseConfig),
}

impl MetricExporterConfig {
    /// Every destination that is on, besides `otlp`, `prometheus` and `console`.
    pub(in crate::config) fn read_all(s: &Section<'_>) -> Vec<Destination<Self>> {
        let otlp = |s: &Section<'_>| {
            let config = OtlpConfig::read_named(s, OtlpSignal::Metrics);
            let temporality = s.field("temporality").one_of(&TEMPORALITIES).unwrap_or_default();
            Some(Self::Otlp(config, temporality))
        };
        let named = s.named("otlp", |s, name| Destination::read(s, name, false, &[], otlp));
        let mut all: Vec<_> = named.into_iter().flatten().collect();
        kind(s, "otlpFile", None, &[], &mut all, |s, _| {
            Some(Self::OtlpFile(typed::read(s, &[], OtlpFileConfig::validate)?))
        });
        kind(s, "remoteWrite", None, &[], &mut all, |s, _| {
            Some(Self::RemoteWrite(typed::read(s, &[], RemoteWriteConfig::validate)?))
        });
        kind(s, "clickhouse", None, &[], &mut all, |s, _| {
            Some(Self::ClickHouse(typed::read(s, &[], ClickHouseConfig::validate)?))
        });
        all
    }

    /// Where metrics go, without what may be secret.
    pub fn address(&self) -> String {
        match self {
            Self::Otlp(c, _) => c.endpoint.to_string(),
            Self::OtlpFile(c) => c.path.display().to_string(),
            Self::RemoteWrite(c) => without_secrets(c.url.expose()),
            Self::ClickHouse(c) => {
                format!("{} {}.{}_*", without_secrets(c.endpoint.expose()), c.database, c.metrics_table)
            }
        }
    }

    /// The URL, of destinations that have one.
    pub(in crate::config) fn url(&self) -> Option<&str> {
        match self {
            Self::Otlp(c, _) => Some(c.endpoint.as_str()),
            Self::OtlpFile(_) | Self::ClickHouse(_) => None,
            Self::RemoteWrite(c) => Some(c.url.expose()),
        }
    }
}
