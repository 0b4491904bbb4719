//! Counts and times requests.

use std::time::Duration;

use http::request;

use super::RequestLayer;
use super::error_type::Side;
use super::family::{Family, Scheme};
use super::request_layer::{Begun, Over, Part};
use super::selection::Selection;
use super::server_span::SCOPE;
use crate::clock::Clock;
use crate::metric::{InvalidInstrument, MeterRegistry};
use crate::record::Span;

/// The `handler` of requests without a route.
pub const UNMATCHED: &str = "unmatched";

/// For each magnitude of durations, one request in this time is an exemplar.
const BETWEEN_EXEMPLARS: Duration = Duration::from_millis(10);

/// Which names metrics have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricNames {
    /// `mplp_http_requests` and `mplp_http_request_duration`, by `method`, `handler` and `status`.
    Mplp,
    /// `http.server.request.duration` and its siblings: OpenTelemetry's semantic conventions for HTTP.
    OpenTelemetry,
    /// Each measurement under both.
    #[default]
    Both,
}

/// Counts and times requests in this registry, with default settings: see [`CollectMetrics`].
///
/// # Errors
/// If the registry has an instrument of the same name that differs.
pub fn collect_metrics(registry: &MeterRegistry) -> Result<CollectMetrics, InvalidInstrument> {
    let part = Metrics::new(registry, Side::Server)?;
    Ok(RequestLayer::new(Selection::of_server(), Clock::default(), part))
}

/// A layer that counts and times requests.
///
/// | instrument | Prometheus name | labels |
/// |---|---|---|
/// | `mplp_http_requests` | `mplp_http_requests_total` | method, handler, status |
/// | `mplp_http_request_duration` | `mplp_http_request_duration_seconds` | method, handler, status |
/// | `mplp_http_requests_in_flight` (detailed) | `mplp_http_requests_in_flight` | method, handler |
/// | `mplp_http_request_size` (detailed) | `mplp_http_request_size_bytes` | method, handler, status |
/// | `mplp_http_response_size` (detailed) | `mplp_http_response_size_bytes` | method, handler, status |
/// | `http.server.request.duration` | `http_server_request_duration_seconds` | below |
/// | `http.server.active_requests` (detailed) | `http_server_active_requests` | method, scheme |
/// | `http.server.request.body.size` (detailed) | `http_server_request_body_size_bytes` | below |
/// | `http.server.response.body.size` (detailed) | `http_server_response_body_size_bytes` | below |
///
/// The labels of the last are `http.request.method`, `url.scheme`, `http.route`, `network.protocol.version`,
/// `http.response.status_code` and, of a request that failed or was cancelled, `error.type`.
///
/// All labels are bounded: a route is a template or [`UNMATCHED`], never a path; unknown methods are `_OTHER`. A
/// request that ended without a response has `status` 500 if the service failed or panicked, and 499 if it was
/// cancelled (as nginx logs it), so that error rates by `status=~"5.."` miss no failure.
pub type CollectMetrics = RequestLayer<Metrics>;

/// How [`CollectMetrics`] watches requests.
#[derive(Clone)]
pub struct Metrics {
    side: Side,
    names: MetricNames,
    detailed: bool,
    /// Every scheme of this side.
    all: Vec<Family>,
    /// Those that are used.
    used: Vec<Family>,
}

impl Metrics {
    pub(super) fn new(registry: &MeterRegistry, side: Side) -> Result<Self, InvalidInstrument> {
        let meter = registry.meter(SCOPE.clone());
        let schemes: &[Scheme] = match side {
            Side::Server => &[Scheme::Mplp, Scheme::Server],
            Side::Client => &[Scheme::Client],
        };
        let all: Vec<_> = schemes.iter().map(|s| Family::new(&meter, *s)).collect::<Result<_, _>>()?;
        Ok(Self { side, names: MetricNames::Both, detailed: false, used: all.clone(), all })
    }

    pub(super) fn set(&mut self, names: Option<MetricNames>, detailed: Option<bool>) {
        self.names = names.unwrap_or(self.names);
        self.detailed = detailed.unwrap_or(self.detailed);
        let is_used = |family: &&Family| match self.names {
            MetricNames::Mplp => family.scheme != Scheme::Server,
            MetricNames::OpenTelemetry => family.scheme != Scheme::Mplp,
            MetricNames::Both => true,
        };
        self.used = self.all.iter().filter(is_used).cloned().collect();
        self.used.iter_mut().for_each(|family| family.detailed = self.detailed);
    }

    pub(super) fn begin(&self, begun: &Begun<'_>) {
        if self.detailed {
            self.used.iter().for_each(|f| f.in_flight(1, begun.operation, begun.https));
        }
    }

    /// Records a request. Its span, if it is not active, becomes the exemplar from time to time.
    pub(super) fn finish(&self, over: &Over<'_>, span: Option<&Span>) {
        let (key, measured) = (over.series(self.side), over.measured());
        if self.detailed {
            self.used.iter().for_each(|f| f.in_flight(-1, over.operation, over.https));
        }
        let Some(series) = over.operation.series.find(key, &self.used, over.operation) else {
            return self.used.iter().for_each(|f| f.record_unbound(over.operation, key, measured));
        };
        for (family, bound) in self.used.iter().zip(&series.families) {
            family.record_rest(bound, measured);
        }
        let record = || series.families.iter().for_each(|bound| bound.record(measured));
        match (span, series.wants_exemplar(over, BETWEEN_EXEMPLARS)) {
            (Some(span), true) => span.in_scope(record),
            (Some(_), false) => series.families.iter().for_each(|bound| bound.record_plain(measured)),
            (None, true) => record(),
            (None, false) => series.families.iter().for_each(|bound| bound.record_duration(measured)),
        }
    }
}

impl RequestLayer<Metrics> {
    /// Whether sizes and requests in flight are measured too. Not by default.
    #[must_use]
    pub fn detailed(self, on: bool) -> Self {
        self.with(|w| w.part.set(None, Some(on)))
    }

    /// Which names the metrics have; both by default.
    #[must_use]
    pub fn names(self, names: MetricNames) -> Self {
        self.with(|w| w.part.set(Some(names), None))
    }
}

impl Part for Metrics {
    type Request = ();

    fn start(&self, begun: &Begun<'_>, _parts: &mut request::Parts) {
        self.begin(begun);
    }

    fn end(&self, (): (), over: &mut Over<'_>) {
        self.finish(over, None);
    }
}
