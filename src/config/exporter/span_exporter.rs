//! The kinds of destinations for spans.

use trace_exporters::clickhouse::ClickHouseConfig;
use trace_exporters::jaeger::JaegerConfig;
#[cfg(feature = "kafka")]
use trace_exporters::kafka::KafkaConfig;
use trace_exporters::mplp::MplpConfig;
use trace_exporters::otlp::file::OtlpFileConfig;
#[cfg(feature = "sqlite")]
use trace_exporters::sqlite::SqliteConfig;
use trace_exporters::zipkin::ZipkinConfig;

use super::destination::Destination;
use super::typed::{self, Fallback};
use crate::config::field::without_secrets;
use crate::config::otlp::OtlpConfig;
use crate::config::otlp_env::OtlpSignal;
use crate::config::section::Section;

/// The settings of a destination for spans, by its kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SpanExporterConfig {
    /// `otlp/NAME`. The variables `OTEL_EXPORTER_OTLP_*` do not concern it.
    Otlp(OtlpConfig),
    /// `otlpFile`: OTLP as lines of JSON.
    OtlpFile(OtlpFileConfig),
    /// `jaeger`: by the protocol that its endpoint means, which is else `JAEGER_ENDPOINT`.
    Jaeger(JaegerConfig),
    /// `zipkin`: the endpoint is else `OTEL_EXPORTER_ZIPKIN_ENDPOINT`.
    Zipkin(ZipkinConfig),
    /// `mplp`: Trace documents in a folder.
    Mplp(MplpConfig),
    /// `kafka`: OTLP as records of a topic.
    #[cfg(feature = "kafka")]
    Kafka(KafkaConfig),
    /// `clickhouse`.
    ClickHouse(ClickHouseConfig),
    /// `sqlite`: files on this machine, which can be read back.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteConfig),
}

const JAEGER_ENDPOINT: Fallback = ("endpoint", "JAEGER_ENDPOINT");
const ZIPKIN_ENDPOINT: Fallback = ("endpoint", "OTEL_EXPORTER_ZIPKIN_ENDPOINT");
const ZIPKIN_TIMEOUT: Fallback = ("timeoutMs", "OTEL_EXPORTER_ZIPKIN_TIMEOUT");

impl SpanExporterConfig {
    /// Every destination that is on, besides `otlp` and `console`. `zipkin` says whether the environment asks for it.
    pub(in crate::config) fn read_all(s: &Section<'_>, zipkin: Option<bool>) -> Vec<Destination<Self>> {
        let otlp = |s: &Section<'_>| Some(Self::Otlp(OtlpConfig::read_named(s, OtlpSignal::Traces)));
        let named = s.named("otlp", |s, name| Destination::read(s, name, false, &[], otlp));
        let mut all: Vec<_> = named.into_iter().flatten().collect();
        kind(s, "otlpFile", None, &[], &mut all, |s, _| {
            Some(Self::OtlpFile(typed::read(s, &[], OtlpFileConfig::validate)?))
        });
        kind(s, "jaeger", None, &[JAEGER_ENDPOINT], &mut all, |s, variables| {
            Some(Self::Jaeger(typed::read(s, variables, JaegerConfig::validate)?))
        });
        kind(s, "zipkin", zipkin, &[ZIPKIN_ENDPOINT, ZIPKIN_TIMEOUT], &mut all, |s, variables| {
            Some(Self::Zipkin(typed::read(s, variables, ZipkinConfig::validate)?))
        });
        kind(s, "mplp", None, &[], &mut all, |s, _| {
            Some(Self::Mplp(typed::read(s, &[], MplpConfig::validate)?))
        });
        kind(s, "clickhouse", None, &[], &mut all, |s, _| {
            Some(Self::ClickHouse(typed::read(s, &[], ClickHouseConfig::validate)?))
        });
        kind(s, "kafka", None, &[], &mut all, |s, _| {
            #[cfg(feature = "kafka")]
            return Some(Self::Kafka(typed::read(s, &[], KafkaConfig::validate)?));
            #[cfg(not(feature = "kafka"))]
            return not_built(s, "kafka");
        });
        kind(s, "sqlite", None, &[], &mut all, |s, _| {
            #[cfg(feature = "sqlite")]
            return Some(Self::Sqlite(typed::read(s, &[], SqliteConfig::validate)?));
            #[cfg(not(feature = "sqlite"))]
            return not_built(s, "sqlite");
        });
        all
    }

    /// Where spans go, without what may be secret.
    pub fn address(&self) -> String {
        let path = |path: &std::path::Path| path.display().to_string();
        match self {
            Self::Otlp(c) => c.endpoint.to_string(),
            Self::OtlpFile(c) => path(&c.path),
            Self::Jaeger(c) => without_secrets(c.endpoint.expose()),
            Self::Zipkin(c) => without_secrets(c.endpoint.expose()),
            Self::Mplp(c) => path(&c.folder),
            #[cfg(feature = "kafka")]
            Self::Kafka(c) => {
                let brokers: Vec<String> = c.brokers.iter().map(ToString::to_string).collect();
                format!("{} topic {}", brokers.join(", "), c.topic)
            }
            Self::ClickHouse(c) => {
                format!("{} {}.{}", without_secrets(c.endpoint.expose()), c.database, c.table)
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(c) => path(&c.directory),
        }
    }

    /// The URL, of destinations that have one.
    pub(in crate::config) fn url(&self) -> Option<&str> {
        match self {
            Self::Otlp(c) => Some(c.endpoint.as_str()),
            Self::Jaeger(c) => Some(c.endpoint.expose()),
            Self::Zipkin(c) => Some(c.endpoint.expose()),
            _ => None,
        }
    }

    /// Whether what it stores can be read back.
    pub fn is_readable(&self) -> bool {
        match self {
            Self::ClickHouse(_) => true,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            _ => false,
        }
    }
}

/// Reads `KIND` and every `KIND/NAME`. The first is also on if `asked`, or else if one of its variables is an endpoint; its
/// variables are no matter of the others.
pub(super) fn kind<T>(
    s: &Section<'_>,
    kind: &'static str,
    asked: Option<bool>,
    variables: &[Fallback],
    all: &mut Vec<Destination<T>>,
    read: impl Fn(&Section<'_>, &[Fallback]) -> Option<T>,
) {
    let set = || variables.iter().any(|(key, name)| *key == "endpoint" && s.variable(name).is_some());
    let on = asked.unwrap_or_else(set);
    all.extend(s.section(kind, |s| Destination::read(s, kind, on, variables, |s| read(s, variables))));
    let named = s.named(kind, |s, name| Destination::read(s, name, false, &[], |s| read(s, &[])));
    all.extend(named.into_iter().flatten());
}

#[cfg(not(all(feature = "kafka", feature = "sqlite")))]
fn not_built<T>(s: &Section<'_>, feature: &str) -> Option<T> {
    s.leave_the_rest();
    s.error(format!("cannot be: this program was built without feature {feature}"));
    None
}
