//! A server span for each request.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use http::header::HeaderName;
use http::{request, response};

use super::forwarded::ForwardedHeader;
use super::grpc;
use super::headers::Headers;
use super::request_layer::{Begun, Over, Part};
use super::request_span::ServerSpan;
use super::selection::Selection;
use super::server_span;
use super::traceparent::header_value;
use super::{RequestLayer, RequestSpan};
use crate::propagate::{Baggage, Propagator, enter_baggage, global};
use crate::record::{Recorder, Span};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Traces requests, with default settings: see [`TraceRequests`].
pub fn trace_requests(recorder: Recorder) -> TraceRequests {
    let clock = recorder.clock().clone();
    RequestLayer::new(Selection::of_server(), clock, Tracing::new(recorder))
}

/// A layer that records a server span for each request, by OpenTelemetry's semantic conventions for HTTP.
///
/// The span joins the trace of the request's headers: those of W3C, or of another
/// [`propagator`](RequestLayer::propagator). Headers that are malformed, too long or repeated begin a new
/// trace, as absent ones do. It is named `METHOD route`, never by a path, and is the active span while the service
/// and the response body are polled, so that spans of the handler are its children. It ends with the response body,
/// and for an upgrade with the response. A status of 500 or more, an error and a panic give it the error status; 4xx
/// does not. A request that is dropped before its end gets `mplp.status = "cancelled"`.
///
/// A gRPC call has `rpc.system`, `rpc.service`, `rpc.method` and `rpc.grpc.status_code` too, the status from the
/// trailers or, without a body, from the headers; it is named `service/method`, unless the server does not implement
/// it.
///
/// Handlers find a [`RequestSpan`] in the request's extensions, and the [`Baggage`](crate::propagate::Baggage) if
/// there is any; it is also the active one while they run. A request that has a [`RequestSpan`] already is not traced again.
pub type TraceRequests = RequestLayer<Tracing>;

/// How [`TraceRequests`] watches requests.
#[derive(Clone)]
pub struct Tracing {
    recorder: Recorder,
    propagator: Arc<dyn Propagator>,
    answers: bool,
    pub(super) with_query: bool,
    pub(super) forwarded: Option<(ForwardedHeader, usize)>,
    peer: Option<Arc<PeerFn>>,
}

type PeerFn = dyn Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync;

impl Tracing {
    fn new(recorder: Recorder) -> Self {
        let propagator = global();
        Self { recorder, propagator, answers: true, with_query: false, forwarded: None, peer: None }
    }

    /// The address of the connection's other end; a function that panics knows none.
    pub(super) fn peer(&self, parts: &request::Parts) -> Option<SocketAddr> {
        let peer = self.peer.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| peer(parts))).ok().flatten()
    }
}

impl RequestLayer<Tracing> {
    /// Reads headers of this format. By default it is the process's when the layer is made: W3C, unless
    /// [`set_global`](crate::propagate::set_global) has chosen another.
    #[must_use]
    pub fn propagator(self, propagator: impl Propagator + 'static) -> Self {
        self.with(|w| w.part.propagator = Arc::new(propagator))
    }

    /// Whether spans get `url.query`, with the names of the parameters and every value replaced by `REDACTED`. Not
    /// by default.
    #[must_use]
    pub fn record_query(self, on: bool) -> Self {
        self.with(|w| w.part.with_query = on)
    }

    /// Whether responses get the span's `traceparent`, by which a client finds the trace. They do by default.
    #[must_use]
    pub fn inject_response(self, on: bool) -> Self {
        self.with(|w| w.part.answers = on)
    }

    /// Where the address of the connection's other end is found, for `network.peer.address`, `network.peer.port` and
    /// `client.address`. With axum: `parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0)`. Not recorded by
    /// default.
    #[must_use]
    pub fn peer_with(
        self,
        peer: impl Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        self.with(|w| w.part.peer = Some(Arc::new(peer)))
    }

    /// Takes `client.address` from a header that the given number of proxies of yours have each added to: the entry
    /// that the outermost of them wrote. Entries before it are what the client itself may have sent, and are not
    /// believed. Name only a header that your proxies do write, else clients choose their address. Not by default.
    #[must_use]
    pub fn trust_forwarded(self, header: ForwardedHeader, proxies: usize) -> Self {
        self.with(|w| w.part.forwarded = (proxies > 0).then_some((header, proxies)))
    }
}

impl Part for Tracing {
    /// Nothing if the request has a span already.
    type Request = Option<TracedRequest>;

    fn start(&self, begun: &Begun<'_>, parts: &mut request::Parts) -> Self::Request {
        if parts.extensions.get::<RequestSpan>().is_some() {
            return None;
        }
        let found = self.propagator.extract(&Headers::new(&parts.headers));
        let (span, started_with) = server_span::start(self, &self.recorder, begun, parts, &found);
        let server = Arc::new(ServerSpan {
            span,
            started_with,
            call: grpc::is_call(parts)
                .then(|| grpc::service_and_method(parts.uri.path()))
                .flatten()
                .map(|(service, method)| format!("{service}/{method}").into()),
            has_status: AtomicBool::new(false),
            request_bytes: AtomicU64::new(ServerSpan::NOT_MEASURED),
        });
        let baggage = (!found.baggage.is_empty()).then(|| Arc::new(found.baggage.clone()));
        if baggage.is_some() {
            parts.extensions.insert(found.baggage);
        }
        parts.extensions.insert(RequestSpan::of(&server));
        Some(TracedRequest { server, baggage, answers: self.answers })
    }

    fn in_scope<T>(request: &Self::Request, f: impl FnOnce() -> T) -> T {
        match request {
            Some(request) => {
                let _baggage = request.baggage.clone().map(enter_baggage);
                request.span().in_scope(f)
            }
            None => f(),
        }
    }

    fn respond(request: &mut Self::Request, parts: &mut response::Parts) {
        let answering = request.as_ref().filter(|r| r.answers);
        if let Some(context) = answering.and_then(|r| r.span().context())
            && let Some(value) = header_value(context)
        {
            parts.headers.insert(TRACEPARENT.clone(), value);
        }
    }

    fn end(&self, request: Self::Request, over: &mut Over<'_>) {
        let Some(TracedRequest { server, .. }) = request else { return };
        over.ended.request_bytes = server.request_bytes().or(over.ended.request_bytes);
        // The span ends here: handlers hold it weakly.
        server_span::describe_end(&server, over);
    }
}

/// A request with a span.
#[derive(Debug)]
pub struct TracedRequest {
    baggage: Option<Arc<Baggage>>,
    server: Arc<ServerSpan>,
    answers: bool,
}

impl TracedRequest {
    pub(super) fn span(&self) -> &Span {
        &self.server.span
    }

    /// What was read of the request body, if it was measured.
    pub(super) fn request_bytes(&self) -> Option<u64> {
        self.server.request_bytes()
    }
}
