//! A server span for each request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, request, response};
use tower_layer::Layer;

use super::request_span::ServerSpan;
use super::selection::Selection;
use super::semantics::{describe_end, describe_request, span_name};
use super::{Ended, Monitor, Monitored, MonitoredRequest, RequestSpan};
use crate::model::{Scope, SpanKind};
use crate::propagate::{Baggage, Propagator, enter_baggage, format_traceparent, global};
use crate::record::{Recorder, Span, SpanBuilder};

/// Traces requests, with default settings: see [`TraceRequests`].
pub fn trace_requests(recorder: Recorder) -> TraceRequests {
    TraceRequests(Arc::new(Settings {
        recorder,
        selection: Selection::default(),
        propagator: global(),
        scope: Arc::new(Scope::from_static("trace-core.http", env!("CARGO_PKG_VERSION"))),
        with_query: false,
        answers: true,
    }))
}

/// A layer that records a server span for each request, by OpenTelemetry's semantic conventions for HTTP.
///
/// The span joins the trace of the caller's headers: those of W3C, or of another [`Self::propagator`]. Headers that are malformed, too long or repeated begin a new
/// trace, as absent ones do. It is named `METHOD route` and is the active span while the service and the response
/// body are polled, so that spans of the handler are its children. It ends with the response body. A status of 500
/// or more, an error and a panic give it the error status; 4xx does not. A request that is dropped before its end
/// gets `mplp.status = "cancelled"`.
///
/// Handlers find a [`RequestSpan`] and the [`Baggage`] in the request's extensions; the baggage is also the active one
/// while they run.
/// A request that has a [`RequestSpan`] already is not traced again.
#[derive(Clone)]
pub struct TraceRequests(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    recorder: Recorder,
    selection: Selection,
    propagator: Arc<dyn Propagator>,
    scope: Arc<Scope>,
    with_query: bool,
    answers: bool,
}

impl TraceRequests {
    /// Where the route template is found. Without one, spans are named by the method alone.
    #[must_use]
    pub fn route_with<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.with(|s| s.selection.route_with(route))
    }

    /// Paths that are not traced, in place of [`super::DEFAULT_EXCLUDED_PATHS`]: exact, or a prefix followed by `*`.
    #[must_use]
    pub fn exclude_paths<P: Into<String>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        self.with(|s| s.selection.exclude(paths))
    }

    /// Reads headers of this format. By default it is the process's when the layer is made: W3C, unless
    /// [`set_global`](crate::propagate::set_global) has chosen another.
    #[must_use]
    pub fn propagator(self, propagator: impl Propagator + 'static) -> Self {
        self.with(|s| s.propagator = Arc::new(propagator))
    }

    /// Whether spans get `url.query`, with the names of the parameters and every value replaced by `REDACTED`. Not
    /// by default.
    #[must_use]
    pub fn record_query(self, on: bool) -> Self {
        self.with(|s| s.with_query = on)
    }

    /// Whether responses get the span's `traceparent`, by which a client finds the trace. They do by default.
    #[must_use]
    pub fn inject_response(self, on: bool) -> Self {
        self.with(|s| s.answers = on)
    }

    pub(super) fn select(self, selection: Selection) -> Self {
        self.with(|s| s.selection = selection)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for TraceRequests {
    type Service = Monitored<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Monitored::new(inner, self.clone())
    }
}

impl Monitor for TraceRequests {
    type Request = TracedRequest;

    fn start(&self, parts: &mut request::Parts) -> Option<TracedRequest> {
        let s = &*self.0;
        if s.selection.excludes(parts) || parts.extensions.get::<RequestSpan>().is_some() {
            return None;
        }
        let found = s.propagator.extract(&parts.headers);
        let route = s.selection.route(parts);
        let builder = s.recorder.span(span_name(parts, route)).kind(SpanKind::Server).scope(s.scope.clone());
        let span = match found.context {
            Some(caller) => builder.parent(caller),
            None => found.sampled.into_iter().fold(builder.root(), SpanBuilder::sampled),
        };
        let span = span.start();
        if span.is_recording() {
            describe_request(&span, parts, route, s.with_query);
        }
        let server = Arc::new(ServerSpan { span, has_status: AtomicBool::new(false) });
        parts.extensions.insert(RequestSpan::of(&server));
        let baggage = (!found.baggage.is_empty()).then(|| Arc::new(found.baggage.clone()));
        parts.extensions.insert(found.baggage);
        Some(TracedRequest { server, baggage, answers: s.answers })
    }
}

impl fmt::Debug for TraceRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceRequests").field("recorder", &self.0.recorder).finish_non_exhaustive()
    }
}

/// A request with a span.
#[derive(Debug)]
pub struct TracedRequest {
    server: Arc<ServerSpan>,
    baggage: Option<Arc<Baggage>>,
    answers: bool,
}

impl TracedRequest {
    fn span(&self) -> &Span {
        &self.server.span
    }
}

impl MonitoredRequest for TracedRequest {
    fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        let _baggage = self.baggage.clone().map(enter_baggage);
        self.span().in_scope(f)
    }

    fn respond(&mut self, parts: &mut response::Parts) {
        if let Some(context) = self.span().context().filter(|_| self.answers)
            && let Ok(value) = HeaderValue::try_from(format_traceparent(context))
        {
            parts.headers.insert("traceparent", value);
        }
    }

    fn end(self, ended: &Ended) {
        // The span ends here: handlers hold it weakly.
        describe_end(self.span(), ended, self.server.has_status.load(Ordering::Relaxed));
    }
}
