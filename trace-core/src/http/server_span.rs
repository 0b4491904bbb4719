//! The attributes of a server span (OpenTelemetry semantic conventions for HTTP, stable).

use std::sync::atomic::Ordering;

use http::{header, request::Parts};

use super::address::host_and_port;
use super::error_type::{ErrorType, Side};
use super::family::scheme_name;
use super::fields::FieldList;
use super::headers::first;
use super::method::OTHER;
use super::redact::{MAX_PATH, cut, redact_query};
use super::request_layer::{Begun, Over};
use super::request_span::ServerSpan;
use super::trace_requests::Tracing;
use super::{Outcome, forwarded, grpc};
use crate::model::{Scope, SpanKind, Status};
use crate::propagate::Extracted;
use crate::record::{Description, Recorder, Span};

/// Clients choose these texts: longer ones are cut, so that a span stays small.
const MAX_USER_AGENT: usize = 512;
pub(super) const MAX_METHOD: usize = 64;

pub(super) static SCOPE: Scope = Scope::from_static("trace-core.http", env!("CARGO_PKG_VERSION"));

/// Starts the span of a request, and says how many attributes it has.
pub(super) fn start(
    how: &Tracing,
    recorder: &Recorder,
    begun: &Begun<'_>,
    parts: &Parts,
    found: &Extracted,
) -> (Span, u16) {
    let mut fields = FieldList::<18>::new();
    fields.text("http.request.method", begun.operation.method);
    if begun.operation.method == OTHER {
        fields.text("http.request.method_original", cut(parts.method.as_str(), MAX_METHOD));
    }
    if let Some(route) = &begun.operation.template {
        fields.text("http.route", route);
    }
    fields.text("url.path", cut(parts.uri.path(), MAX_PATH));
    fields.text("url.scheme", scheme_name(begun.https));
    let query = parts.uri.query().filter(|_| how.with_query).map(|query| redact_query(cut(query, MAX_PATH)));
    if let Some(query) = &query {
        fields.text("url.query", query);
    }
    if let Some((host, port)) = host_and_port(parts) {
        fields.text("server.address", host);
        if let Some(port) = port {
            fields.int("server.port", port.into());
        }
    }
    if let Some(version) = begun.version {
        fields.text("network.protocol.version", version);
    }
    if let Some(agent) = first(&parts.headers, &header::USER_AGENT).and_then(|v| v.to_str().ok()) {
        fields.text("user_agent.original", cut(agent, MAX_USER_AGENT));
    }
    let peer = how.peer(parts);
    let client = how
        .forwarded
        .and_then(|(header, proxies)| forwarded::client_address(&parts.headers, header, proxies));
    let peer_address = peer.map(|p| p.ip().to_string());
    let client_address = client.map(|c| c.to_string());
    if let (Some(peer), Some(address)) = (peer, &peer_address) {
        fields.text("network.peer.address", address);
        fields.int("network.peer.port", peer.port().into());
    }
    if let Some(address) = client_address.as_ref().or(peer_address.as_ref()) {
        fields.text("client.address", address);
    }
    if grpc::is_call(parts)
        && let Some((service, method)) = grpc::service_and_method(parts.uri.path())
    {
        fields.text("rpc.system", "grpc");
        fields.text("rpc.service", service);
        fields.text("rpc.method", method);
    }
    let fields = fields.as_slice();
    let name = &begun.operation.name;
    let description = Description {
        name,
        kind: SpanKind::Server,
        scope: &SCOPE,
        parent: found.context.as_ref(),
        sampled: found.sampled,
        tenant: found.tenant,
        fields,
    };
    (recorder.start_described(&description), fields.len() as u16)
}

/// Status code, sizes and outcome. A status that the handler has set is kept: it knows more.
pub(super) fn describe_end(server: &ServerSpan, over: &Over<'_>) {
    let span = &server.span;
    if !span.is_recording() {
        return;
    }
    let ended = &over.ended;
    let error = ErrorType::of(ended, Side::Server);
    let mut fields = FieldList::<8>::new();
    if let Some(status) = ended.status {
        fields.int("http.response.status_code", status.as_u16().into());
        fields.size("http.response.body.size", ended.body_bytes);
    }
    if let Some(bytes) = ended.request_bytes {
        fields.size("http.request.body.size", bytes);
    }
    if let Some(code) = ended.grpc_status {
        fields.int("rpc.grpc.status_code", code.into());
    }
    if ended.outcome == Outcome::Cancelled {
        fields.text("mplp.status", "cancelled");
    }
    let status = (error.is_error() && !server.has_status.load(Ordering::Relaxed))
        .then(|| Status::Error(error.description().into()));
    // What clients call a method is a name only if the server has it.
    let is_method = ended.grpc_status.is_some_and(|code| code != grpc::UNIMPLEMENTED);
    let name = server.call.as_deref().filter(|_| is_method);
    if let Some(word) = error.name().filter(|_| error.is_error()) {
        fields.text("error.type", word);
    }
    span.describe(server.started_with, fields.as_slice(), status, name);
}
