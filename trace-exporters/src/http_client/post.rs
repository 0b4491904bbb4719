//! Bodies that are posted to one URL, where the status of the answer says all.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use trace_core::signal::ExportError;

use super::{Answer, HttpClient, Outgoing, permanent, retry_after, show};
use crate::shorten::shorten;

/// A connection pool to one URL that bodies are posted to.
pub(crate) struct Post {
    client: HttpClient,
    uri: Uri,
}

impl Post {
    pub(crate) fn new(client: HttpClient, uri: Uri) -> Self {
        Self { client, uri }
    }

    /// Sends one body.
    ///
    /// Cancel safe: a dropped call closes its connection.
    pub(crate) async fn send(&self, body: Vec<u8>) -> Result<(), ExportError> {
        let (uri, body) = (self.uri.clone(), Bytes::from(body));
        let outgoing = Outgoing { method: Method::POST, uri, headers: HeaderMap::new(), body };
        let answer = self.client.send(outgoing).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.refusal(&answer)) }
    }

    fn refusal(&self, answer: &Answer) -> ExportError {
        let said = shorten(&String::from_utf8_lossy(&answer.body));
        let text = format!("POST {}: answered {}: {said}", show(&self.uri), answer.status);
        let text = self.client.scrub(&self.uri, text);
        if passes(answer.status) {
            ExportError::retryable(text).after(retry_after(&answer.headers, SystemTime::now()))
        } else {
            permanent(answer.status, text)
        }
    }
}

/// Whether the same request may be taken later. Jaeger answers 500 while its queue is full, Zipkin while its storage
/// fails; both answer 400 to what they cannot read.
fn passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("url", &show(&self.uri)).field("client", &self.client).finish()
    }
}
