//! The tower layer of a client.

use std::sync::Arc;

use http::{request, uri};

use super::super::RequestLayer;
use super::super::address::host_and_port;
use super::super::collect_metrics::Metrics;
use super::super::error_type::Side;
use super::super::grpc;
use super::super::request_layer::{Begun, Over, Part};
use super::super::selection::Selection;
use super::span::{self, Outgoing};
use super::{ResendCount, inject};
use crate::metric::{InvalidInstrument, MeterRegistry};
use crate::propagate::{Baggage, Propagator, global};
use crate::record::{Recorder, Span};

/// Traces requests that go out, with default settings: see [`ClientLayer`].
pub fn client_requests(recorder: Recorder) -> ClientLayer {
    let clock = recorder.clock().clone();
    let calls = Calls { recorder, propagator: global(), metrics: None };
    RequestLayer::new(Selection::default(), clock, calls)
}

/// A layer that records a client span for each request that goes out, by OpenTelemetry's semantic conventions for
/// HTTP, and writes the span's context into the request's headers.
///
/// The span is a child of the span that is active when the request is made, and is itself active while the service is
/// polled. It ends with the response body, or when that is dropped. A status of 400 or more, an error and a panic
/// give it the error status; a request that is dropped before its response gets `mplp.status = "cancelled"`. Of the
/// URL, user information and the values of the query are replaced by `REDACTED`.
///
/// Put it inside of a retrying layer, and each try has a span of its own; [`ResendCount`] in the request's extensions
/// says which one it is. Put it outside, and all tries are one span.
///
/// A `baggage` header stays as it is, unless the request's extensions hold a [`Baggage`], or one is active: that goes out instead, in
/// the propagator's format.
///
/// For clients that are not tower services, such as `reqwest` and `ureq`, there is [`ClientLayer::call`].
pub type ClientLayer = RequestLayer<Calls>;

/// How [`ClientLayer`] watches requests.
#[derive(Clone)]
pub struct Calls {
    recorder: Recorder,
    propagator: Arc<dyn Propagator>,
    metrics: Option<Metrics>,
}

impl RequestLayer<Calls> {
    /// Writes other headers than those of W3C.
    #[must_use]
    pub fn propagator(self, propagator: impl Propagator + 'static) -> Self {
        self.with(|w| w.part.propagator = Arc::new(propagator))
    }

    /// Measures requests too: `http.client.request.duration` in seconds, by method, server, template, version, status
    /// and `error.type`; and if `detailed`, `http.client.active_requests`, `http.client.request.body.size` and
    /// `http.client.response.body.size`.
    ///
    /// # Errors
    /// If the registry has an instrument of the same name that differs.
    pub fn collect_metrics(
        self,
        registry: &MeterRegistry,
        detailed: bool,
    ) -> Result<Self, InvalidInstrument> {
        let mut metrics = Metrics::new(registry, Side::Client)?;
        metrics.set(None, Some(detailed));
        Ok(self.with(|w| w.part.metrics = Some(metrics)))
    }
}

impl Part for Calls {
    type Request = Span;

    const IS_CLIENT: bool = true;

    fn server<'a>(&self, parts: &'a request::Parts) -> Option<(&'a str, Option<u16>)> {
        let (host, port) = host_and_port(parts)?;
        let default = if parts.uri.scheme() == Some(&uri::Scheme::HTTPS) { 443 } else { 80 };
        Some((host, port.or(Some(default))))
    }

    fn start(&self, begun: &Begun<'_>, parts: &mut request::Parts) -> Span {
        if let Some(metrics) = &self.metrics {
            metrics.begin(begun);
        }
        let span = span::start(
            &self.recorder,
            &Outgoing {
                operation: begun.operation,
                method: &parts.method,
                uri: &parts.uri,
                resends: parts.extensions.get::<ResendCount>().map_or(0, |count| count.0),
                is_grpc: grpc::is_call(parts),
            },
        );
        if let Some(context) = span.context() {
            inject(&*self.propagator, context, parts.extensions.get::<Baggage>(), &mut parts.headers);
        }
        span
    }

    fn in_scope<T>(span: &Span, f: impl FnOnce() -> T) -> T {
        span.in_scope(f)
    }

    fn end(&self, span: Span, over: &mut Over<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.finish(over, Some(&span));
        }
        span::end(&span, over);
    }
}
