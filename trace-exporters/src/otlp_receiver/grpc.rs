//! OTLP over gRPC: unary calls.
//!
//! Protocol: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body;

use super::export::{Form, LeftOut, Signal};
use super::service::Inner;
use super::status;
use crate::receiver::{BodyError, Encoding, Failure, Pass, ReplyBody, gunzip, read_body};

/// A flag and a length before each message.
const PREFIX: usize = 5;
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// The answer to a call.
pub(super) async fn answer<B>(inner: &Inner, head: &Parts, body: B) -> Response<ReplyBody>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    let mut response = match take(inner, head, body).await {
        Ok(left_out) => {
            let message = status::success(left_out);
            let mut framed = BytesMut::with_capacity(PREFIX + message.len());
            framed.put_u8(0);
            framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
            framed.put_slice(&message);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            Response::new(ReplyBody::with_trailers(framed, trailers))
        }
        Err(failure) => {
            inner.counts.failed(&failure);
            refused(&failure, inner.limits.retry_after_seconds)
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip"));
    response
}

/// An answer of a head alone, which then has what else comes behind the body.
fn refused(failure: &Failure, retry_after: u64) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(failure.code()));
    // What is left is ASCII that a header may have.
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&failure.message())) {
        headers.insert("grpc-message", message);
    }
    let details = STANDARD_NO_PAD.encode(status::status(failure, retry_after));
    if let Ok(details) = HeaderValue::from_str(&details) {
        headers.insert("grpc-status-details-bin", details);
    }
    response
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(byte.into()),
            // Writing to a text never fails.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

async fn take<B>(inner: &Inner, head: &Parts, body: B) -> Result<LeftOut, Failure>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    let signal = match head.uri.path() {
        TRACES => Signal::Traces,
        METRICS => Signal::Metrics,
        LOGS => Signal::Logs,
        _ => return Err(Failure::NotFound),
    };
    if head.method != Method::POST || !inner.takes(signal) {
        return Err(Failure::NotFound);
    }
    let tenant = inner.tenant.read(&head.headers)?;
    let mut pass = inner.gate.enter()?;
    let framed = read_body(&head.headers, body, Encoding::Identity, &inner.limits, &mut pass).await?;
    let message = message(&head.headers, framed, inner.limits.max_decoded_bytes, &mut pass)?;
    inner.export(signal, Form::Protobuf, message, tenant).await
}

/// The one message of a body.
pub(super) fn message(
    headers: &HeaderMap,
    framed: Bytes,
    limit: usize,
    pass: &mut Pass,
) -> Result<Bytes, Failure> {
    let bad = |why: &str| Failure::Undecodable(why.to_owned());
    let Some((&[flag, ref length @ ..], _)) = framed.split_first_chunk::<PREFIX>() else {
        return Err(bad("the call has no message"));
    };
    let message = framed.slice(PREFIX..);
    if usize::try_from(u32::from_be_bytes(*length)) != Ok(message.len()) {
        return Err(bad("the call is not one whole message"));
    }
    let encoding = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    match (flag, Encoding::named(encoding)?) {
        (0, _) => Ok(message),
        (1, Encoding::Gzip) => gunzip(&message, limit, pass),
        _ => Err(bad("the message is marked as compressed, and no grpc-encoding says how")),
    }
}
