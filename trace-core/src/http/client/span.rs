//! The attributes of a client span (OpenTelemetry semantic conventions for HTTP, stable).

use http::{Method, Uri};

use super::super::error_type::{ErrorType, Side};
use super::super::fields::FieldList;
use super::super::method::OTHER;
use super::super::operation::Operation;
use super::super::redact::{MAX_PATH, REDACTED, cut, redact_query};
use super::super::request_layer::Over;
use super::super::server_span::{MAX_METHOD, SCOPE};
use super::super::{Outcome, grpc};
use crate::model::{SpanKind, Status, TenantTag};
use crate::record::{Description, Recorder, Span, current_context};

/// What is sent.
pub(super) struct Outgoing<'a> {
    pub(super) operation: &'a Operation,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    /// How often it was sent before.
    pub(super) resends: u32,
    pub(super) is_grpc: bool,
}

/// Starts the span, as a child of the active one.
pub(super) fn start(recorder: &Recorder, of: &Outgoing<'_>) -> Span {
    let mut fields = FieldList::<12>::new();
    fields.text("http.request.method", of.operation.method);
    if of.operation.method == OTHER {
        fields.text("http.request.method_original", cut(of.method.as_str(), MAX_METHOD));
    }
    let url = full_url(of.uri);
    fields.text("url.full", &url);
    if let Some(template) = &of.operation.template {
        fields.text("url.template", template);
    }
    if let Some((host, port)) = &of.operation.server {
        fields.text("server.address", host);
        if let Some(port) = port {
            fields.int("server.port", (*port).into());
        }
    }
    if of.resends > 0 {
        fields.int("http.request.resend_count", of.resends.into());
    }
    let call = grpc::service_and_method(of.uri.path()).filter(|_| of.is_grpc);
    if let Some((service, method)) = call {
        fields.text("rpc.system", "grpc");
        fields.text("rpc.service", service);
        fields.text("rpc.method", method);
    }
    recorder.start_described(&Description {
        // What a client of gRPC calls is its own code's choice: a bounded name.
        name: if call.is_some() { &of.uri.path()[1..] } else { &of.operation.name },
        kind: SpanKind::Client,
        scope: &SCOPE,
        parent: current_context().as_ref(),
        sampled: None,
        tenant: TenantTag::NONE,
        fields: fields.as_slice(),
    })
}

/// Status code, sizes and outcome. To a client 4xx is an error too.
pub(super) fn end(span: &Span, over: &Over<'_>) {
    if !span.is_recording() {
        return;
    }
    let ended = &over.ended;
    let error = ErrorType::of(ended, Side::Client);
    let mut fields = FieldList::<8>::new();
    if let Some(status) = ended.status {
        fields.int("http.response.status_code", status.as_u16().into());
        fields.size("http.response.body.size", ended.body_bytes);
        if let Some(version) = over.version {
            fields.text("network.protocol.version", version);
        }
    }
    if let Some(bytes) = ended.request_bytes {
        fields.size("http.request.body.size", bytes);
    }
    if let Some(code) = ended.grpc_status {
        fields.int("rpc.grpc.status_code", code.into());
    }
    if ended.outcome == Outcome::Cancelled && ended.status.is_none() {
        fields.text("mplp.status", "cancelled");
    }
    let status = error.is_error().then(|| Status::Error(error.description().into()));
    if let Some(word) = error.name().filter(|_| error.is_error()) {
        fields.text("error.type", word);
    }
    // Nobody else has the span, but which attributes it began with is not worth remembering.
    span.describe(u16::MAX, fields.as_slice(), status, None);
}

/// The URL without credentials: user information and every value of the query are replaced.
pub(super) fn full_url(uri: &Uri) -> String {
    let mut url = String::with_capacity(64);
    if let Some(scheme) = uri.scheme_str() {
        url.push_str(scheme);
        url.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        match authority.as_str().rsplit_once('@') {
            Some((user, host)) => {
                url.push_str(REDACTED);
                if user.contains(':') {
                    url.push(':');
                    url.push_str(REDACTED);
                }
                url.push('@');
                url.push_str(host);
            }
            None => url.push_str(authority.as_str()),
        }
    }
    url.push_str(cut(uri.path(), MAX_PATH));
    if let Some(query) = uri.query() {
        url.push('?');
        url.push_str(&redact_query(cut(query, MAX_PATH)));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_no_credentials() {
        let of = |uri: &str| full_url(&uri.parse().unwrap());
        assert_eq!(of("https://a.test:8443/x?sig=s3cret&b"), "https://a.test:8443/x?sig=REDACTED&REDACTED");
        assert_eq!(of("https://user:pw@a.test/"), "https://REDACTED:REDACTED@a.test/");
        assert_eq!(of("https://token@a.test/"), "https://REDACTED@a.test/");
        assert_eq!(of("/only/a/path"), "/only/a/path");
        assert!(of(&format!("/{}", "a".repeat(5_000))).len() <= MAX_PATH);
    }
}
