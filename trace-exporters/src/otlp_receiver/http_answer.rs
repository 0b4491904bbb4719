//! OTLP over HTTP.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body;

use super::export::{Form, LeftOut, Signal};
use super::service::Inner;
use super::status;
use crate::receiver::{BodyError, Encoding, Failure, ReplyBody, read_body};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The answer to a request.
pub(super) async fn answer<B>(inner: &Inner, head: &Parts, body: B) -> Response<ReplyBody>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    // An answer has the type of its request, errors too; what has none that is known gets what a person can read.
    let form = form(&head.headers);
    let result = take(inner, head, form, body).await;
    let (form, content_type) = match form {
        Some(Form::Protobuf) => (Form::Protobuf, PROTOBUF),
        _ => (Form::Json, JSON),
    };
    let retry_after = inner.limits.retry_after_seconds;
    let bytes = match (&result, form) {
        (Ok((_, left_out)), Form::Protobuf) => status::success(*left_out),
        (Ok((signal, left_out)), Form::Json) => status::success_json(*signal, *left_out),
        (Err(failure), Form::Protobuf) => status::status(failure, retry_after),
        (Err(failure), Form::Json) => status::status_json(failure, retry_after),
    };
    let mut response = Response::new(ReplyBody::new(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Err(failure) = &result {
        inner.counts.failed(failure);
        *response.status_mut() = failure.http_status();
        if failure.is_overload() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
        }
        if *failure == Failure::Method {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
    }
    response
}

async fn take<B>(
    inner: &Inner,
    head: &Parts,
    form: Option<Form>,
    body: B,
) -> Result<(Signal, LeftOut), Failure>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    let path = head.uri.path();
    let paths =
        [("/v1/traces", Signal::Traces), ("/v1/metrics", Signal::Metrics), ("/v1/logs", Signal::Logs)];
    let signal = paths
        .into_iter()
        .find_map(|(end, signal)| path.ends_with(end).then_some(signal))
        .filter(|signal| inner.takes(*signal))
        .ok_or(Failure::NotFound)?;
    if head.method != Method::POST {
        return Err(Failure::Method);
    }
    let form = form
        .ok_or(Failure::Unsupported("the Content-Type must be application/x-protobuf or application/json"))?;
    let encoding = Encoding::of(&head.headers)?;
    let tenant = inner.tenant.read(&head.headers)?;
    let mut pass = inner.gate.enter()?;
    let body = read_body(&head.headers, body, encoding, &inner.limits, &mut pass).await?;
    Ok((signal, inner.export(signal, form, body, tenant).await?))
}

/// How the body is encoded, by its `Content-Type` without parameters.
fn form(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next().unwrap_or_default().trim();
    let is = |known: &[&str]| known.iter().any(|k| name.eq_ignore_ascii_case(k));
    if is(&[PROTOBUF, "application/protobuf"]) {
        Some(Form::Protobuf)
    } else {
        is(&[JSON]).then_some(Form::Json)
    }
}
