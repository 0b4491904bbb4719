//! One request to the server, and what its answer means.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use sha2::{Digest as _, Sha256};
use trace_core::signal::ExportError;
use trace_core::store::ReadError;

use super::config::ClickHouseConfig;
use super::error::ClickHouseConfigError;
use super::reply;
use super::statement::{Statement, encoded};
use crate::http_client::{HttpClient, Outgoing, permanent, show};

/// The largest answer that is read: a trace of 50,000 spans of one kilobyte.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A connection pool to the HTTP interface.
pub(super) struct Connection {
    client: HttpClient,
    uri: Uri,
    async_insert: bool,
}

/// Whether the server may gather the rows with those of other inserts before it writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathering {
    /// As the configuration says.
    AsConfigured,
    /// Never: servers differ in whether they know a repeated insert that was gathered on a table without replicas.
    Never,
}

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: ExportError,
    pub(super) lacks_schema: bool,
}

impl From<ExportError> for Failed {
    fn from(error: ExportError) -> Self {
        Self { error, lacks_schema: false }
    }
}

impl From<Failed> for ReadError {
    fn from(failed: Failed) -> Self {
        Self::Unavailable { message: failed.error.to_string(), source: Some(Box::new(failed.error)) }
    }
}

impl Connection {
    pub(super) fn new(config: &ClickHouseConfig) -> Result<Self, ClickHouseConfigError> {
        config.validate()?;
        let uri = config.uri()?;
        let client = HttpClient::new(&uri, &config.all_headers()?, &config.tls, config.timeout)?
            .compressing(config.compression)
            .answers_up_to(MAX_ANSWER_BYTES);
        Ok(Self { client, uri, async_insert: config.async_insert })
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failed> {
        self.send("wait_end_of_query=1", sql.to_owned().into()).await.map(drop)
    }

    /// The rows that answer a question.
    pub(super) async fn read(&self, statement: Statement) -> Result<Bytes, Failed> {
        // Buffered, so that an error that comes late still has its status.
        let query = format!("wait_end_of_query=1{}", statement.query());
        self.send(&query, statement.sql.into()).await
    }

    /// Inserts rows. The same rows again, as after a lost answer, count once.
    pub(super) async fn insert(&self, sql: &str, rows: Vec<u8>, gathering: Gathering) -> Result<(), Failed> {
        let digest = Sha256::digest(&rows);
        let token: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let waiting = match self.async_insert && gathering == Gathering::AsConfigured {
            true => "&async_insert=1&wait_for_async_insert=1&async_insert_deduplicate=1",
            false => "&async_insert=0",
        };
        // Asked for, since a profile of the user may have turned it off.
        let once = format!("&insert_deduplicate=1&insert_deduplication_token={token}");
        let query = format!("query={}{once}{waiting}", encoded(sql));
        self.send(&query, rows.into()).await.map(drop)
    }

    async fn send(&self, query: &str, body: Bytes) -> Result<Bytes, Failed> {
        let uri = self.with_query(query).ok_or_else(|| {
            ExportError::permanent(format!("POST {}: the values of the query are too long", self.shown()))
        })?;
        let outgoing = Outgoing { method: Method::POST, uri, headers: HeaderMap::new(), body };
        let answer = self.client.send(outgoing).await?;
        if answer.oversized && answer.status.is_success() {
            let text = format!("POST {}: the answer is too large", self.shown());
            return Err(ExportError::permanent(text).into());
        }
        match reply::check(answer.status, &answer.headers, &answer.body, SystemTime::now()) {
            Ok(()) => Ok(answer.body),
            Err(refused) => {
                let message = format!("POST {}: {}", self.shown(), refused.message);
                let message = self.client.scrub(&self.uri, message);
                let error = match refused.retryable {
                    true => ExportError::retryable(message),
                    false => permanent(answer.status, message),
                };
                let error = error.after(refused.retry_after);
                Err(Failed { error, lacks_schema: refused.lacks_schema })
            }
        }
    }

    fn shown(&self) -> String {
        show(&self.uri)
    }

    /// The URL with a query behind its own; `None` if it would be longer than a URL can be (64 KiB).
    fn with_query(&self, query: &str) -> Option<Uri> {
        let own = self.uri.query().map_or_else(String::new, |own| format!("{own}&"));
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(format!("{}?{own}{query}", self.uri.path()).parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("url", &self.shown()).field("client", &self.client).finish()
    }
}
