//! The exporter of metrics: a collection to an insert a kind.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use trace_core::model::MetricBatch;
use trace_core::signal::{ExportError, MetricExporter};

use super::config::ClickHouseConfig;
use super::connection::{Connection, Failed, Gathering};
use super::error::ClickHouseConfigError;
use super::metric_rows::{self, Precision, Precisions};
use super::metric_schema::{self, Kind};
use super::prepared::Prepared;
use super::row::{Malformed, Reader, read_rows};
use super::statement::Statement;

/// Metrics in ClickHouse, in the Collector's tables: one for gauges, sums, histograms and exponential histograms each.
///
/// A collection is one insert a kind that it has. If one of them fails for now, all are offered again, and those that the
/// server has already count once, as long as it remembers their tokens. If the server refuses a kind for good, the others
/// are written, and its points are a partial error. Inserts are never gathered by the server, whatever `async_insert` says.
///
/// The tables have no room for the zero threshold of an exponential histogram, and for whether a number was an integer.
/// A minimum or maximum that is not known is 0, as the Collector writes it.
///
/// Needs a Tokio runtime with I/O and time.
pub struct ClickHouseMetricExporter {
    connection: Connection,
    config: ClickHouseConfig,
    schema: Prepared,
    /// How the tables keep times, once that is known.
    precisions: Mutex<Option<[Precisions; Kind::ALL.len()]>>,
}

impl ClickHouseMetricExporter {
    /// Checks the configuration; connects with the first collection.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &ClickHouseConfig) -> Result<Self, ClickHouseConfigError> {
        Ok(Self {
            connection: Connection::new(config)?,
            config: config.clone(),
            schema: Prepared::new(config.create_schema, config.metrics_schema()?),
            precisions: Mutex::default(),
        })
    }

    /// RowBinary has no types in it, so what the tables have must be known. Asked once.
    async fn precisions(&self) -> Result<[Precisions; Kind::ALL.len()], ExportError> {
        let known = || self.precisions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(precisions) = *known() {
            return Ok(precisions);
        }
        let mut s = Statement::default();
        let database = s.text(&self.config.database);
        let tables = Kind::ALL.map(|kind| s.text(&format!("{}{}", self.config.metrics_table, kind.suffix())));
        s.sql = format!(
            "SELECT table, name, type FROM system.columns WHERE database = {database} AND table IN ({}) \
             AND name IN ('StartTimeUnix', 'TimeUnix', 'Exemplars.TimeUnix') FORMAT RowBinary",
            tables.join(", ")
        );
        let answer = self.connection.read(s).await.map_err(|failed| failed.error)?;
        let columns = read_rows(&answer, column).map_err(|e| {
            ExportError::retryable("clickhouse: the types of the columns cannot be read").caused_by(e)
        })?;
        let mut found = [Precisions::default(); Kind::ALL.len()];
        for (precisions, kind) in found.iter_mut().zip(Kind::ALL) {
            let table = format!("{}{}", self.config.metrics_table, kind.suffix());
            *precisions = precisions_of(&table, &columns)?;
        }
        *known() = Some(found);
        Ok(found)
    }

    /// The tables may be others when they are there again.
    fn judge(&self, failed: Failed) -> ExportError {
        if failed.lacks_schema {
            *self.precisions.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.schema.judge(failed)
    }
}

/// Table, name and type.
pub(super) fn column(r: &mut Reader<'_>) -> Result<[String; 3], Malformed> {
    Ok([r.text()?, r.text()?, r.text()?].map(|text| text.into_owned()))
}

/// A table that is not there, or not shown to this user, is taken for the Collector's.
pub(super) fn precisions_of(table: &str, columns: &[[String; 3]]) -> Result<Precisions, ExportError> {
    let mut precisions = Precisions::default();
    for [_, name, kind] in columns.iter().filter(|[of, ..]| of == table) {
        let inner = kind.strip_prefix("Array(").and_then(|k| k.strip_suffix(')')).unwrap_or(kind);
        // A time zone does not change what is stored.
        let precision = match inner.split_once(['(', ',']) {
            Some(("DateTime64", rest)) if rest.trim_end_matches(')').split(',').next() == Some("9") => {
                Precision::Nanoseconds
            }
            Some(("DateTime", _)) => Precision::Seconds,
            None if inner == "DateTime" => Precision::Seconds,
            _ => {
                return Err(ExportError::permanent(format!(
                    "clickhouse: column {name} of {table} is {kind}, and must be DateTime64(9) or DateTime"
                )));
            }
        };
        match name.as_str() {
            "StartTimeUnix" => precisions.start = precision,
            "TimeUnix" => precisions.time = precision,
            _ => precisions.exemplar = precision,
        }
    }
    Ok(precisions)
}

#[async_trait]
impl MetricExporter for ClickHouseMetricExporter {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        if batch.point_count() == 0 {
            return Ok(());
        }
        self.schema.prepare(&self.connection).await.map_err(|failed| failed.error)?;
        let precisions = self.precisions().await?;
        let (mut taken, mut rejected, mut refused) = (0, 0, None);
        for (kind, precisions) in Kind::ALL.into_iter().zip(precisions) {
            let (rows, count) = metric_rows::encode(batch, kind, precisions);
            if count == 0 {
                continue;
            }
            let insert = metric_schema::insert(&self.config, kind);
            match self.connection.insert(&insert, rows, Gathering::Never).await.map_err(|e| self.judge(e)) {
                Ok(()) => taken += count,
                Err(error) if error.is_retryable() => return Err(error),
                // The other kinds may be taken.
                Err(error) => {
                    rejected += count;
                    refused.get_or_insert(error);
                }
            }
        }
        match refused {
            None => Ok(()),
            Some(error) if taken == 0 => Err(error),
            Some(error) => Err(ExportError::partial(rejected, error.to_string())),
        }
    }
}

impl fmt::Debug for ClickHouseMetricExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouseMetricExporter")
            .field("connection", &self.connection)
            .field("tables", &format!("{}.{}_*", self.config.database, self.config.metrics_table))
            .finish_non_exhaustive()
    }
}
