//! One unary call: sending a frame, and reading message and status within bounds.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::signal::ExportError;

use super::{Code, Status, frame};
use crate::connection::Timeout;
use crate::http_client::{
    Ask, Carried, Compression, Connector, HttpConfigError, TlsConfig, http2_connector, media_type, no_answer,
    retry_after, show,
};

/// The largest answer that is read (OTLP specification: a client's limit of 4 MiB).
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The largest head, and the largest trailers.
const MAX_HEAD_BYTES: u32 = 64 << 10;
/// Shorter than the idle limit of common servers, as in the client for HTTP.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no complete answer, or it was not one of gRPC.
    Unanswered(ExportError),
    /// The call succeeded, and what was answered cannot be used.
    Unreadable(String),
    /// The server refused.
    Refused(Status),
}

/// One connection of HTTP/2 to one method of one server. Connects with the first call.
pub(crate) struct GrpcClient {
    connector: Connector,
    client: Mutex<Client<Connector, Full<Bytes>>>,
    /// With the path of the method.
    uri: Uri,
    fixed: HeaderMap,
    carried: Carried,
    compression: Compression,
    limit: Option<Duration>,
    idle: usize,
}

impl GrpcClient {
    /// Calls the method that is the path of this URL.
    pub(crate) fn new(
        uri: Uri,
        carried: Carried,
        tls: &TlsConfig,
        timeout: Timeout,
    ) -> Result<Self, HttpConfigError> {
        let (connector, limit) = (http2_connector(tls, &uri)?, timeout.limit());
        let mut fixed = HeaderMap::new();
        fixed.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        fixed.insert(TE, HeaderValue::from_static("trailers"));
        if let Some(limit) = limit {
            fixed.insert(HeaderName::from_static("grpc-timeout"), timeout_value(limit));
        }
        let client = Mutex::new(pool(&connector, 1));
        Ok(Self { connector, client, uri, fixed, carried, compression: Compression::None, limit, idle: 1 })
    }

    /// The same client that compresses messages.
    #[must_use]
    pub(crate) fn compressing(mut self, compression: Compression) -> Self {
        self.compression = compression;
        if let Some(name) = compression.content_encoding() {
            self.fixed.insert(HeaderName::from_static("grpc-encoding"), HeaderValue::from_static(name));
        }
        self
    }

    /// The same client that keeps no connection between calls, which are far apart.
    #[must_use]
    pub(crate) fn without_idle_connection(mut self) -> Self {
        self.idle = 0;
        self.client = Mutex::new(pool(&self.connector, 0));
        self
    }

    /// The same client that calls itself so.
    #[must_use]
    pub(crate) fn agent(mut self, agent: &'static str) -> Self {
        self.fixed.insert(USER_AGENT, HeaderValue::from_static(agent));
        self
    }

    /// The server's address, without what may be secret.
    pub(crate) fn subject(&self) -> String {
        format!("gRPC {}", show(&self.uri))
    }

    /// See [`Carried::scrub`].
    pub(crate) fn scrub(&self, text: String) -> String {
        self.carried.scrub(&self.uri, text)
    }

    /// Sends a message, framed, and reads the one that is answered.
    ///
    /// Cancel safe: a dropped call is cancelled, and the next one connects anew.
    pub(crate) async fn call(&self, framed: Bytes) -> Result<Bytes, CallError> {
        let Some(limit) = self.limit else { return self.attempts(framed).await };
        match tokio::time::timeout(limit, self.attempts(framed)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("{}: no answer within {limit:?}", self.subject());
                Err(CallError::Unanswered(ExportError::retryable(text)))
            }
        }
    }

    /// Asks for headers once more if those of the first time were refused.
    async fn attempts(&self, framed: Bytes) -> Result<Bytes, CallError> {
        let framed = frame::compress(framed, self.compression).map_err(|e| {
            let text = format!("{}: the message cannot be compressed", self.subject());
            CallError::Unanswered(ExportError::permanent(text).caused_by(e))
        })?;
        match self.attempt(framed.clone(), Ask::Attempt).await {
            Err(CallError::Refused(status))
                if status.code == Code::UNAUTHENTICATED && self.carried.can_renew() =>
            {
                self.attempt(framed, Ask::Refused).await
            }
            result => result,
        }
    }

    async fn attempt(&self, framed: Bytes, ask: Ask) -> Result<Bytes, CallError> {
        let mut request = Request::new(Full::new(framed));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let mut headers = self.carried.headers(ask).await.map_err(CallError::Unanswered)?;
        headers.extend(self.fixed.clone());
        *request.headers_mut() = headers;

        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut suspect = Suspect { of: self, answered: false };
        let unanswered = |e| CallError::Unanswered(e);
        let answer = client.request(request).await.map_err(|e| unanswered(no_answer(&e, &self.subject())))?;
        let (head, body) = answer.into_parts();
        let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(body) => body,
            Err(e) if e.is::<LengthLimitError>() => {
                let text = format!("{}: answered with more than 4 MiB", self.subject());
                return Err(match is_grpc(&head.headers) {
                    // Failures have no message.
                    true => CallError::Unreadable(text),
                    false => unanswered(ExportError::permanent(text).misconfigured()),
                });
            }
            Err(_) => {
                let text = format!("{}: the answer broke off", self.subject());
                return Err(unanswered(ExportError::retryable(text)));
            }
        };
        suspect.answered = true;
        // A call that failed at once has its status in the head.
        let status = body.trailers().and_then(Status::read).or_else(|| Status::read(&head.headers));
        let mut status = status.unwrap_or_else(|| Status::of_http(head.status));
        if status.code != Code::OK {
            let asked = || retry_after(&head.headers, std::time::SystemTime::now());
            status.retry_delay = status.retry_delay.or_else(asked);
            return Err(CallError::Refused(status));
        }
        let body = body.to_bytes();
        match frame::message(&body) {
            Ok(_) => Ok(body.slice(frame::PREFIX..)),
            Err(what) => Err(CallError::Unreadable(format!("{}: {what}", self.subject()))),
        }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// A call under way. If it ends without an answer its connection may be a dead one, which HTTP/2 would go on using: the next
/// call takes another.
struct Suspect<'a> {
    of: &'a GrpcClient,
    answered: bool,
}

impl Drop for Suspect<'_> {
    fn drop(&mut self) {
        if !self.answered {
            *self.of.client.lock().unwrap_or_else(PoisonError::into_inner) =
                pool(&self.of.connector, self.of.idle);
        }
    }
}

fn pool(connector: &Connector, idle: usize) -> Client<Connector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(idle)
        .http2_only(true)
        .http2_max_header_list_size(MAX_HEAD_BYTES)
        .build(connector.clone())
}

/// `grpc-timeout` has at most eight digits: milliseconds, or seconds if there are too many.
fn timeout_value(limit: Duration) -> HeaderValue {
    let ms = limit.as_millis().max(1);
    let text = match ms {
        ..100_000_000 => format!("{ms}m"),
        _ => format!("{}S", limit.as_secs().min(99_999_999)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("99999999S"))
}

impl fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcClient")
            .field("url", &show(&self.uri))
            .field("headers", &self.carried)
            .field("compression", &self.compression)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        for (limit, text) in [
            (Duration::from_micros(1), "1m"),
            (Duration::from_secs(10), "10000m"),
            (Duration::from_secs(99_999), "99999000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(timeout_value(limit), text);
        }
    }
}
