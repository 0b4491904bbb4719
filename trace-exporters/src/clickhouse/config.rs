//! Where ClickHouse is, and how it is written to and read from.

use http::Uri;
use serde::Deserialize;

use super::error::ClickHouseConfigError;
use super::metric_schema::{self, Kind};
use super::schema;
use crate::http_client::{Compression, Endpoint, Headers, Secret, Timeout, TlsConfig, check_request};

/// The longest name of a database or a table: the engine makes file names of them.
const MAX_NAME_BYTES: usize = 128;

/// Where ClickHouse is, and how it is written to and read from. The defaults are a server on this machine and the
/// names that the OpenTelemetry Collector uses.
///
/// Unknown keys are refused. `Debug` shows neither the password nor header values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClickHouseConfig {
    /// The URL of the HTTP interface. Default `http://localhost:8123`.
    pub endpoint: Endpoint,
    /// The database. Default `default`.
    pub database: String,
    /// The table of spans; the names of the other tables begin with it. Default `otel_traces`.
    pub table: String,
    /// What the names of the tables of metrics begin with, as in `otel_metrics_gauge`. Default `otel_metrics`.
    #[serde(alias = "metricsTable")]
    pub metrics_table: String,
    /// Whom to be. Default: the server's default user.
    pub username: Option<String>,
    /// The password of `username`, sent as a header.
    pub password: Option<Secret>,
    /// Extra request headers.
    pub headers: Headers,
    /// How requests are compressed. Default: not.
    pub compression: Compression,
    /// Whether database, tables and columns that are missing are made before the first batch. Default yes.
    #[serde(alias = "createSchema")]
    pub create_schema: bool,
    /// After how many days, by their start, tables that are made here let spans go, and points by their time; 0 means never, and is the default, as
    /// the Collector's. Spans that are older when they arrive are let go at once.
    #[serde(alias = "ttlDays")]
    pub ttl_days: u32,
    /// Whether the server collects small batches before it writes them; it answers when they are written. Default yes.
    #[serde(alias = "asyncInsert")]
    pub async_insert: bool,
    /// Limit of one request in milliseconds; 0 means none. Default 10 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Spans of one trace that are read at most; a longer one is marked as incomplete. Default 50 000.
    #[serde(alias = "maxTraceSpans")]
    pub max_trace_spans: u32,
    /// Certificates for `https`.
    pub tls: TlsConfig,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:8123".into(),
            database: "default".to_owned(),
            table: "otel_traces".to_owned(),
            metrics_table: "otel_metrics".to_owned(),
            username: None,
            password: None,
            headers: Headers::default(),
            compression: Compression::None,
            create_schema: true,
            ttl_days: 0,
            async_insert: true,
            timeout: Timeout::from_millis(10_000),
            max_trace_spans: 50_000,
            tls: TlsConfig::default(),
        }
    }
}

impl ClickHouseConfig {
    /// The defaults with another URL.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
    }

    /// Sets the database.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Sets who writes and reads.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        (self.username, self.password) = (Some(name.into()), Some(password.into()));
        self
    }

    /// Sets the compression.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The statements that make what is missing, in order; each may be run again. For operators who set
    /// `create_schema` to `false` and run them themselves.
    ///
    /// # Errors
    /// If a name cannot be used.
    pub fn schema(&self) -> Result<Vec<String>, ClickHouseConfigError> {
        self.check_names()?;
        Ok(schema::statements(self))
    }

    /// The same for the tables of metrics, which [`super::ClickHouseMetricExporter`] writes.
    ///
    /// # Errors
    /// If a name cannot be used.
    pub fn metrics_schema(&self) -> Result<Vec<String>, ClickHouseConfigError> {
        self.check_names()?;
        Ok(metric_schema::statements(self))
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), ClickHouseConfigError> {
        self.uri()?;
        self.check_names()?;
        check_request(&self.all_headers()?, &self.tls)?;
        if self.max_trace_spans == 0 {
            return Err(ClickHouseConfigError::NoSpans);
        }
        Ok(())
    }

    /// Names go into statements as they are, since no parameter can stand for them.
    fn check_names(&self) -> Result<(), ClickHouseConfigError> {
        let names =
            [("database", &self.database), ("table", &self.table), ("metrics_table", &self.metrics_table)];
        for (field, name) in names {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !plain || name.len() > MAX_NAME_BYTES || name.bytes().next().is_none_or(|b| b.is_ascii_digit())
            {
                let found = name.chars().take(64).collect();
                return Err(ClickHouseConfigError::Name { field, found });
            }
        }
        Ok(())
    }

    pub(super) fn uri(&self) -> Result<Uri, ClickHouseConfigError> {
        Ok(self.endpoint.uri("endpoint")?)
    }

    /// `database.table`.
    pub(super) fn spans_table(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }

    /// The table of when each trace was.
    pub(super) fn times_table(&self) -> String {
        format!("{}.{}_trace_id_ts", self.database, self.table)
    }

    /// The table of a kind of metrics.
    pub(super) fn metrics_table(&self, kind: Kind) -> String {
        format!("{}.{}{}", self.database, self.metrics_table, kind.suffix())
    }

    /// The headers with the credentials.
    pub(super) fn all_headers(&self) -> Result<Headers, ClickHouseConfigError> {
        let mut headers = self.headers.clone();
        match (&self.username, &self.password) {
            (None, Some(_)) => return Err(ClickHouseConfigError::PasswordWithoutUser),
            (Some(user), password) => {
                headers.set("x-clickhouse-user", user);
                headers.set("x-clickhouse-key", password.as_ref().map_or("", Secret::expose));
            }
            (None, None) => {}
        }
        Ok(headers)
    }
}
