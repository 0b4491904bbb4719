//! The store: batches to inserts, questions to statements, rows to answers.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use trace_core::analyze::QuantileSketch;
use trace_core::batch::SpanBatch;
use trace_core::model::{TenantId, TimeRange, Timestamp, TraceId};
use trace_core::sample::Threshold;
use trace_core::signal::{ExportError, SpanExporter};
use trace_core::store::{
    Durations, Page, ReadError, SpanFilter, SpanQuery, SpanReader, StoredTrace, TraceSummary,
};

use super::config::ClickHouseConfig;
use super::connection::{Connection, Gathering};
use super::error::ClickHouseConfigError;
use super::prepared::Prepared;
use super::row::{Malformed, Reader, read_rows};
use super::statement::Statement;
use super::{decode, encode, query};

/// Spans in ClickHouse: a destination and a reader in one.
///
/// A batch is one insert, and one that is retried counts once, as long as the server remembers its token. Reading counts
/// a span once whatever was written. What the tables have no room for is lost: flags, counts of what was dropped, the
/// schema and the attributes of a scope, whether a parent is remote, and the types of values other than numbers of a
/// span, which come back as texts.
///
/// Needs a Tokio runtime with I/O and time.
pub struct ClickHouseStore {
    connection: Connection,
    config: ClickHouseConfig,
    insert: String,
    schema: Prepared,
}

impl ClickHouseStore {
    /// Checks the configuration; connects with the first batch or question.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &ClickHouseConfig) -> Result<Self, ClickHouseConfigError> {
        Ok(Self {
            connection: Connection::new(config)?,
            config: config.clone(),
            insert: format!("INSERT INTO {} ({}) FORMAT RowBinary", config.spans_table(), encode::COLUMNS),
            schema: Prepared::new(config.create_schema, config.schema()?),
        })
    }

    /// Asks, and reads every row of the answer.
    async fn rows<T>(
        &self,
        statement: Statement,
        row: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, ReadError> {
        read_rows(&self.ask(statement).await?, row).map_err(unreadable)
    }

    async fn ask(&self, statement: Statement) -> Result<Bytes, ReadError> {
        self.schema.prepare(&self.connection).await?;
        Ok(self.connection.read(statement).await?)
    }
}

#[async_trait]
impl SpanExporter for ClickHouseStore {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.schema.prepare(&self.connection).await.map_err(|failed| failed.error)?;
        let rows = encode::encode_rows(batch);
        let inserted = self.connection.insert(&self.insert, rows, Gathering::AsConfigured).await;
        inserted.map_err(|failed| self.schema.judge(failed))
    }
}

#[async_trait]
impl SpanReader for ClickHouseStore {
    async fn trace(&self, tenant: &TenantId, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        let answer = self.ask(query::trace(&self.config, tenant, id)).await?;
        let mut spans = decode::decode_spans(*id, &answer).map_err(unreadable)?;
        let incomplete = spans.len() > self.config.max_trace_spans as usize;
        spans.truncate(self.config.max_trace_spans as usize);
        Ok((!spans.is_empty()).then_some(StoredTrace { trace_id: *id, spans, incomplete }))
    }

    async fn search(&self, tenant: &TenantId, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        let cursor = query.cursor.as_deref().map(parse_cursor).transpose()?;
        let statement = query::search(&self.config, tenant, query, cursor);
        let mut found = self.rows(statement, summary).await?;
        let more = found.len() > query.page_size();
        found.truncate(query.page_size());
        // An id that others wrote and that is none is passed over.
        let items: Vec<TraceSummary> = found.into_iter().flatten().collect();
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|t| format!("{}-{}", t.start.unix_nanos(), t.trace_id));
        Ok(Page { items, next_cursor })
    }

    async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, ReadError> {
        self.rows(query::services(&self.config, tenant), |r| Ok(r.text()?.into_owned())).await
    }

    async fn operations(&self, tenant: &TenantId, service: &str) -> Result<Vec<String>, ReadError> {
        self.rows(query::operations(&self.config, tenant, service), |r| Ok(r.text()?.into_owned())).await
    }

    async fn durations(
        &self,
        tenant: &TenantId,
        filter: &SpanFilter,
        range: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        let statement = query::durations(&self.config, tenant, filter, range, QuantileSketch::GAMMA.ln());
        let mut durations = Durations::default();
        for group in self.rows(statement, Group::read).await? {
            durations.errors = durations.errors.saturating_add(group.errors);
            group.put(&mut durations.milliseconds);
        }
        Ok(durations)
    }
}

/// Spans whose durations lie in the same bucket of a sketch, and which stand for as many spans each.
pub(super) struct Group {
    weight: f64,
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    errors: u64,
}

impl Group {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let threshold = r.text()?.parse::<Threshold>().ok();
        Ok(Self {
            weight: threshold.map_or(1.0, Threshold::adjusted_count),
            count: r.u64()?,
            min: r.f64()?,
            max: r.f64()?,
            sum: r.f64()?,
            errors: r.u64()?,
        })
    }

    /// Smallest and largest as they are, the others at their mean: so all but the places within a bucket is exact.
    pub(super) fn put(&self, sketch: &mut QuantileSketch) {
        sketch.insert_times(self.min, self.weight, self.count.min(1));
        sketch.insert_times(self.max, self.weight, self.count.saturating_sub(1).min(1));
        let others = self.count.saturating_sub(2);
        let mean = (self.sum - self.min - self.max) / others as f64;
        sketch.insert_times(mean.max(self.min).min(self.max), self.weight, others);
    }
}

/// `None` if the id is none.
pub(super) fn summary(r: &mut Reader<'_>) -> Result<Option<TraceSummary>, Malformed> {
    let id = r.text()?.parse().ok();
    let start = Timestamp::from_unix_nanos(u64::try_from(r.i64()?).unwrap_or(0));
    let (root_name, service) = (r.text()?.into_owned(), r.text()?.into_owned());
    let duration_ms = r.i64()?.max(0) as f64 / 1e6;
    let (span_count, error_count) = (r.u64()?, r.u64()?);
    Ok(id.map(|trace_id| TraceSummary {
        trace_id,
        root_name,
        service,
        start,
        duration_ms,
        span_count,
        error_count,
    }))
}

fn parse_cursor(text: &str) -> Result<(Timestamp, TraceId), ReadError> {
    let parsed = text
        .split_once('-')
        .and_then(|(nanos, id)| Some((Timestamp::from_unix_nanos(nanos.parse().ok()?), id.parse().ok()?)));
    parsed.ok_or_else(|| ReadError::InvalidCursor(text.chars().take(64).collect()))
}

fn unreadable(malformed: Malformed) -> ReadError {
    ReadError::Unavailable { message: malformed.to_string(), source: Some(Box::new(malformed)) }
}

impl fmt::Debug for ClickHouseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouseStore")
            .field("connection", &self.connection)
            .field("table", &self.config.spans_table())
            .finish_non_exhaustive()
    }
}
