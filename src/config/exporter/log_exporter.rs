//! The kinds of destinations for log records.

use trace_exporters::otlp::file::OtlpFileConfig;

use super::destination::Destination;
use super::span_exporter::kind;
use super::typed;
use crate::config::otlp::OtlpConfig;
use crate::config::otlp_env::OtlpSignal;
use crate::config::section::Section;

/// The settings of a destination for log records, by its kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there are a few, read once")]
pub enum LogExporterConfig {
    /// `otlp/NAME`. The variables `OTEL_EXPORTER_OTLP_*` do not concern it.
    Otlp(OtlpConfig),
    /// `otlpFile`: OTLP as lines of JSON.
    OtlpFile(OtlpFileConfig),
}

impl LogExporterConfig {
    /// Every destination that is on, besides `otlp` and `console`.
    pub(in crate::config) fn read_all(s: &Section<'_>) -> Vec<Destination<Self>> {
        let otlp = |s: &Section<'_>| Some(Self::Otlp(OtlpConfig::read_named(s, OtlpSignal::Logs)));
        let named = s.named("otlp", |s, name| Destination::read(s, name, false, &[], otlp));
        let mut all: Vec<_> = named.into_iter().flatten().collect();
        kind(s, "otlpFile", None, &[], &mut all, |s, _| {
            Some(Self::OtlpFile(typed::read(s, &[], OtlpFileConfig::validate)?))
        });
        all
    }

    /// Where log records go, without what may be secret.
    pub fn address(&self) -> String {
        match self {
            Self::Otlp(c) => c.endpoint.to_string(),
            Self::OtlpFile(c) => c.path.display().to_string(),
        }
    }

    /// The URL, of destinations that have one.
    pub(in crate::config) fn url(&self) -> Option<&str> {
        match self {
            Self::Otlp(c) => Some(c.endpoint.as_str()),
            Self::OtlpFile(_) => None,
        }
    }
}
