//! What all layers share: which requests are watched, what their operation is, when they began and ended.

use std::fmt;
use std::sync::Arc;

use http::{request, response};
use tower_layer::Layer;

use super::error_type::{ErrorType, Side};
use super::family::Measured;
use super::operation::{Operation, OperationId, OperationKey, Operations};
use super::selection::Selection;
use super::series::SeriesKey;
use super::{Ended, Monitor, Monitored, MonitoredRequest};
use crate::clock::Clock;

/// A layer that watches requests in one way, `P`: [`TraceRequests`](super::TraceRequests),
/// [`CollectMetrics`](super::CollectMetrics), [`DetectAnomalies`](super::DetectAnomalies), all three as
/// [`MonitoringLayer`](super::MonitoringLayer), or of a client, [`ClientLayer`](super::ClientLayer). What can be set
/// on all of them is here. Cheap to clone.
pub struct RequestLayer<P>(pub(super) Arc<Watch<P>>);

/// The settings of a layer, and the operations that it has seen.
#[derive(Clone)]
pub(super) struct Watch<P> {
    pub(super) selection: Selection,
    pub(super) clock: Clock,
    https: bool,
    operations: Operations,
    pub(super) part: P,
}

/// One way to watch requests. Not for others to implement: see [`Monitor`] for that.
pub trait Part: Clone + Send + Sync + 'static {
    /// What it keeps of a request under way.
    type Request;

    /// Whether the response tells the HTTP version: a server's response does not.
    const IS_CLIENT: bool = false;

    /// Where a client's request goes; nothing on the server's side.
    fn server<'a>(&self, _parts: &'a request::Parts) -> Option<(&'a str, Option<u16>)> {
        None
    }

    /// A request has begun.
    fn start(&self, begun: &Begun<'_>, parts: &mut request::Parts) -> Self::Request;

    /// Runs a step of the request.
    fn in_scope<T>(_request: &Self::Request, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// The service has answered.
    fn respond(_request: &mut Self::Request, _parts: &mut response::Parts) {}

    /// The request is over.
    fn end(&self, request: Self::Request, over: &mut Over<'_>);
}

/// The beginning of a request.
pub struct Begun<'a> {
    pub(super) operation: &'a Operation,
    pub(super) https: bool,
    /// The HTTP version, as far as it is known.
    pub(super) version: Option<&'static str>,
}

/// The end of a request.
pub struct Over<'a> {
    pub(super) operation: &'a Operation,
    pub(super) ended: Ended,
    pub(super) https: bool,
    pub(super) version: Option<&'static str>,
    pub(super) clock: &'a Clock,
    /// In ticks.
    pub(super) now: u64,
    pub(super) nanos: u64,
}

impl Over<'_> {
    pub(super) fn series(&self, side: Side) -> SeriesKey {
        SeriesKey {
            status: self.ended.status.map_or(0, |s| s.as_u16()),
            error: ErrorType::of(&self.ended, side),
            https: self.https,
            version: self.version,
        }
    }

    pub(super) fn measured(&self) -> Measured {
        Measured {
            seconds: self.nanos as f64 / 1e9,
            request_bytes: self.ended.request_bytes,
            response_bytes: self.ended.status.map(|_| self.ended.body_bytes),
        }
    }
}

impl<P: Part> RequestLayer<P> {
    pub(super) fn new(selection: Selection, clock: Clock, part: P) -> Self {
        Self(Arc::new(Watch { selection, clock, https: false, operations: Operations::default(), part }))
    }

    /// Where the route template is found, or for a client the URL template. Without one, spans are named by the
    /// method alone, and metrics have [`UNMATCHED`](super::UNMATCHED). A function that panics knows none. At most
    /// 1024 templates are told apart.
    #[must_use]
    pub fn route_with<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.with(|w| w.selection.route_with(route))
    }

    /// Paths that are not watched: exact, or a prefix followed by `*`. In place of those before, which are
    /// [`DEFAULT_EXCLUDED_PATHS`](super::DEFAULT_EXCLUDED_PATHS) for a server and none for a client.
    #[must_use]
    pub fn exclude_paths<T: Into<String>>(self, paths: impl IntoIterator<Item = T>) -> Self {
        self.with(|w| w.selection.exclude(paths))
    }

    /// Requests that are not watched, besides those of excluded paths. A function that panics excludes nothing.
    #[must_use]
    pub fn exclude_when(self, is_excluded: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) -> Self {
        self.with(|w| w.selection.exclude_when(is_excluded))
    }

    /// Whether requests without a scheme in their URI come over TLS: HTTP/1 does not say. They do not by default.
    #[must_use]
    pub fn https(self, on: bool) -> Self {
        self.with(|w| w.https = on)
    }

    /// The clock of durations; the recorder's or the system's by default.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|w| w.clock = clock)
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Watch<P>)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Another layer with the same settings.
    pub(super) fn sibling<Q: Part>(&self, part: Q) -> RequestLayer<Q> {
        RequestLayer(Arc::new(Watch {
            selection: self.0.selection.clone(),
            clock: self.0.clock.clone(),
            https: self.0.https,
            operations: Operations::default(),
            part,
        }))
    }
}

impl<P: Part> Watch<P> {
    /// Begins to watch a request, unless it is excluded.
    pub(super) fn begin(self: &Arc<Self>, parts: &mut request::Parts) -> Option<Watched<P>> {
        if self.selection.excludes(parts) {
            return None;
        }
        let start = self.clock.ticks();
        let id = self.operations.find(&OperationKey {
            method: super::method::method_number(&parts.method),
            template: self.selection.route(parts),
            server: self.part.server(parts),
        });
        let https = parts.uri.scheme().map_or(self.https, |s| *s == http::uri::Scheme::HTTPS);
        // A client asks for a version at most; which one it is, the response says.
        let version = if P::IS_CLIENT { None } else { super::method::version_name(parts.version) };
        let begun = Begun { operation: self.operations.get(id), https, version };
        let request = self.part.start(&begun, parts);
        Some(Watched { watch: self.clone(), id, start, https, version, request })
    }
}

impl<P> Clone for RequestLayer<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P> fmt::Debug for RequestLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").field("https", &self.0.https).finish_non_exhaustive()
    }
}

impl<S, P: Part> Layer<S> for RequestLayer<P> {
    type Service = Monitored<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Monitored::new(inner, self.clone())
    }
}

impl<P: Part> Monitor for RequestLayer<P> {
    type Request = Watched<P>;

    fn start(&self, parts: &mut request::Parts) -> Option<Watched<P>> {
        self.0.begin(parts)
    }
}

/// A request that a [`RequestLayer`] watches.
pub struct Watched<P: Part> {
    watch: Arc<Watch<P>>,
    id: OperationId,
    /// In ticks.
    start: u64,
    https: bool,
    version: Option<&'static str>,
    pub(super) request: P::Request,
}

impl<P: Part> MonitoredRequest for Watched<P> {
    fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        P::in_scope(&self.request, f)
    }

    fn respond(&mut self, parts: &mut response::Parts) {
        if P::IS_CLIENT {
            self.version = super::method::version_name(parts.version);
        }
        P::respond(&mut self.request, parts);
    }

    fn end(self, ended: &Ended) {
        let watch = &*self.watch;
        let now = watch.clock.ticks();
        let mut over = Over {
            operation: watch.operations.get(self.id),
            ended: *ended,
            https: self.https,
            version: self.version,
            clock: &watch.clock,
            now,
            nanos: watch.clock.nanos_between(self.start, now),
        };
        watch.part.end(self.request, &mut over);
    }
}
