//! Counts and times requests.

use std::fmt;
use std::sync::Arc;

use http::{StatusCode, header, request};
use tower_layer::Layer;

use super::method::known_method;
use super::selection::Selection;
use super::{Ended, Monitor, Monitored, MonitoredRequest, Outcome};
use crate::clock::Clock;
use crate::metric::{Counter, Histogram, InvalidInstrument, MeterRegistry, UpDownCounter};
use crate::model::{KeyValue, Scope};

/// The `handler` of requests without a route.
pub const UNMATCHED: &str = "unmatched";

/// Sizes from 256 B to 16 MiB.
const SIZE_BOUNDS: [f64; 9] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// Counts and times requests in this registry, with default settings: see [`CollectMetrics`].
///
/// # Errors
/// If the registry has an instrument of the same name that differs.
pub fn collect_metrics(registry: &MeterRegistry) -> Result<CollectMetrics, InvalidInstrument> {
    let meter = registry.meter(Scope::from_static("trace-core.http", env!("CARGO_PKG_VERSION")));
    let instruments = Instruments {
        requests: meter
            .counter("mplp_http_requests")
            .unit("{request}")
            .description("Requests that have ended.")
            .build()?,
        duration: meter
            .histogram("mplp_http_request_duration")
            .unit("s")
            .description("Time from the arrival of a request to the end of its response body.")
            .build()?,
        in_flight: meter
            .up_down_counter("mplp_http_requests_in_flight")
            .unit("{request}")
            .description("Requests under way.")
            .build()?,
        request_size: meter
            .histogram("mplp_http_request_size")
            .unit("By")
            .description("Request bodies, by their content-length header.")
            .bounds(SIZE_BOUNDS)
            .build()?,
        response_size: meter
            .histogram("mplp_http_response_size")
            .unit("By")
            .description("Response bodies, as far as they were handed over.")
            .bounds(SIZE_BOUNDS)
            .build()?,
    };
    Ok(CollectMetrics(Arc::new(Settings {
        instruments: Arc::new(instruments),
        selection: Selection::default(),
        clock: Clock::default(),
        detailed: false,
    })))
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
///
/// All labels are bounded: `handler` is the route template or [`UNMATCHED`], never a path; unknown methods are
/// `_OTHER`. A request that ended without a response has status 500 if the service failed or panicked, and 499 if
/// it was cancelled (as nginx logs it), so that error rates by `status=~"5.."` miss no failure.
#[derive(Clone)]
pub struct CollectMetrics(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    instruments: Arc<Instruments>,
    selection: Selection,
    clock: Clock,
    detailed: bool,
}

struct Instruments {
    requests: Counter,
    duration: Histogram,
    in_flight: UpDownCounter,
    request_size: Histogram,
    response_size: Histogram,
}

impl CollectMetrics {
    /// Where the route template is found. Without one, every request is [`UNMATCHED`].
    #[must_use]
    pub fn route_with<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.with(|s| s.selection.route_with(route))
    }

    /// Paths that are not counted, in place of [`super::DEFAULT_EXCLUDED_PATHS`]: exact, or a prefix followed by `*`.
    #[must_use]
    pub fn exclude_paths<P: Into<String>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        self.with(|s| s.selection.exclude(paths))
    }

    /// Whether sizes and requests in flight are measured too. Not by default.
    #[must_use]
    pub fn detailed(self, on: bool) -> Self {
        self.with(|s| s.detailed = on)
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|s| s.clock = clock)
    }

    pub(super) fn select(self, selection: Selection) -> Self {
        self.with(|s| s.selection = selection)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for CollectMetrics {
    type Service = Monitored<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Monitored::new(inner, self.clone())
    }
}

impl Monitor for CollectMetrics {
    type Request = MeasuredRequest;

    fn start(&self, parts: &mut request::Parts) -> Option<MeasuredRequest> {
        let s = &self.0;
        if s.selection.excludes(parts) {
            return None;
        }
        let handler = s.selection.route(parts).unwrap_or(UNMATCHED).to_owned();
        let attributes =
            vec![KeyValue::new("method", known_method(&parts.method)), KeyValue::new("handler", handler)];
        if s.detailed {
            s.instruments.in_flight.add(1, &attributes);
        }
        let length = parts.headers.get(header::CONTENT_LENGTH);
        Some(MeasuredRequest {
            settings: s.clone(),
            start: s.clock.ticks(),
            attributes,
            request_bytes: length.and_then(|v| v.to_str().ok()?.parse::<u64>().ok()),
        })
    }
}

impl fmt::Debug for CollectMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectMetrics").field("detailed", &self.0.detailed).finish_non_exhaustive()
    }
}

/// A request that is being timed.
pub struct MeasuredRequest {
    settings: Arc<Settings>,
    /// In ticks.
    start: u64,
    /// Method and handler.
    attributes: Vec<KeyValue>,
    request_bytes: Option<u64>,
}

impl MonitoredRequest for MeasuredRequest {
    fn end(mut self, ended: &Ended) {
        let Settings { instruments: i, clock, detailed, .. } = &*self.settings;
        let duration = clock.since(self.start).as_secs_f64();
        if *detailed {
            i.in_flight.add(-1, &self.attributes);
        }
        let status = ended.status.map_or(status_without_response(ended.outcome), |s| s.as_u16());
        self.attributes.push(KeyValue::new("status", status.to_string()));
        i.requests.add(1, &self.attributes);
        i.duration.record(duration, &self.attributes);
        if *detailed {
            i.response_size.record(ended.body_bytes as f64, &self.attributes);
            if let Some(bytes) = self.request_bytes {
                i.request_size.record(bytes as f64, &self.attributes);
            }
        }
    }
}

const fn status_without_response(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Cancelled => 499,
        _ => StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
    }
}
