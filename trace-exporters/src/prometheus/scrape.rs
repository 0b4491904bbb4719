//! Answering a scrape, inside whatever HTTP server a program has.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use trace_core::metric::{LiveMetrics, MeterRegistry};
use trace_core::model::{MetricBatch, Timestamp};

use super::accumulate::{Accumulated, Accumulator};
use super::config::ExpositionConfig;
use super::encoder::Encoder;
use super::format::ContentType;
use super::report::{Dropped, Report};

/// The `Content-Type` of text 0.0.4. Prometheus 3 fails a scrape without it.
pub const CONTENT_TYPE_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where a scrape gets its metrics: anything that can be called for the current values.
pub trait Collect: Send + Sync + 'static {
    /// The current values, cumulative since start; or what came since the last call, as deltas, which are added up.
    /// Called once a scrape, by one at a time; must not wait for I/O, nor ask for a scrape.
    fn collect(&self) -> MetricBatch;

    /// The same without a copy of each point, where the source can.
    fn live(&self) -> LiveMetrics<'static> {
        self.collect().into()
    }
}

impl<F: Fn() -> MetricBatch + Send + Sync + 'static> Collect for F {
    fn collect(&self) -> MetricBatch {
        self()
    }
}

/// The fastest source: its metrics are read where they are.
impl Collect for MeterRegistry {
    fn collect(&self) -> MetricBatch {
        MeterRegistry::collect(self, Timestamp::now())
    }

    fn live(&self) -> LiveMetrics<'static> {
        MeterRegistry::live(self, Timestamp::now())
    }
}

/// A body up to this size leaves its memory to the next one.
const KEPT_BODY_BYTES: usize = 32 << 20;

/// A `tower` service that answers `GET` and `HEAD` with the metrics of a source: in the format that the client prefers
/// (see [`ContentType::negotiate`]), compressed if it takes gzip. Other methods get 405. It does not look at the path: mount it where it belongs.
///
/// ```
/// use trace_exporters::prometheus::Scrape;
/// # use trace_core::model::MetricBatch;
/// # fn collect() -> MetricBatch { MetricBatch { resource: Default::default(), scopes: vec![] } }
/// let app: axum::Router = axum::Router::new().route_service("/metrics", Scrape::new(collect));
/// ```
pub struct Scrape {
    shared: Arc<Shared>,
}

struct Shared {
    source: Box<dyn Collect>,
    /// Held while the source is asked, so that its answers are taken in their order. Not the lock of the state, which
    /// callbacks may ask for a report.
    turn: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    encoder: Encoder,
    accumulator: Accumulator,
    report: Report,
    /// The last body, whose memory is used again once its client has read it.
    last: Bytes,
}

impl Scrape {
    /// Answers with the metrics of this source.
    pub fn new(source: impl Collect) -> Self {
        Self::with_config(source, ExpositionConfig::default())
    }

    /// The same with names and labels as configured.
    pub fn with_config(source: impl Collect, config: ExpositionConfig) -> Self {
        let accumulator = Accumulator::new(config.deltas);
        let encoder = Encoder::new(config);
        let state = Mutex::new(State { encoder, accumulator, report: Report::default(), last: Bytes::new() });
        Self { shared: Arc::new(Shared { source: Box::new(source), turn: Mutex::default(), state }) }
    }

    /// What the latest scrape could not show, such as metrics whose types conflict.
    pub fn dropped(&self) -> Vec<Dropped> {
        self.report().dropped
    }

    /// What the latest scrape left out or had to choose between.
    pub fn report(&self) -> Report {
        self.state().report.clone()
    }

    /// What became of deltas, if the source gives such.
    pub fn accumulated(&self) -> Accumulated {
        self.state().accumulator.counts()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body, and whether it is compressed.
    fn body(&self, asked: ContentType, compressed: bool) -> (Bytes, bool) {
        let turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Callbacks run here.
        let live = self.shared.source.live();
        let mut guard = self.state();
        drop(turn);
        let state = &mut *guard;
        let mut found = Report::default();
        let live = state.accumulator.accumulate(live, Timestamp::now(), &mut found);
        if compressed {
            let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            // Neither fails on memory; plain text serves if it does.
            if let Ok(report) = state.encoder.write(&live, asked, &mut gzip)
                && let Ok(body) = gzip.finish()
            {
                state.report = found.and(report);
                return (Bytes::from(body), true);
            }
        }
        let mut out = match std::mem::take(&mut state.last).try_into_mut() {
            Ok(unused) => Vec::from(unused),
            Err(_) => Vec::new(),
        };
        out.clear();
        state.report = found.and(state.encoder.encode(&live, asked, &mut out));
        let body = Bytes::from(out);
        if body.len() <= KEPT_BODY_BYTES {
            state.last = body.clone();
        }
        (body, false)
    }

    /// The answer to a request.
    pub fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let is_head = request.method() == Method::HEAD;
        if !is_head && request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n", &[(ALLOW, "GET, HEAD")]);
        }
        let asked = ContentType::negotiate(request.headers());
        let (body, compressed) = self.body(asked, accepts_gzip(request.headers()));

        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, asked.header());
        headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(CONTENT_LENGTH, body.len().into());
        if !is_head {
            *response.body_mut() = Full::new(body);
        }
        response
    }
}

impl Clone for Scrape {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for Scrape {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(&request)))
    }
}

/// A short answer in words.
pub(super) fn plain(
    status: StatusCode,
    text: &'static str,
    headers: &[(http::HeaderName, &'static str)],
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether `Accept-Encoding` names gzip with a weight above zero (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let members =
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let mut weights = members.filter_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let coding = parts.next()?;
        let named = ["gzip", "x-gzip"].iter().any(|g| coding.eq_ignore_ascii_case(g));
        let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        named.then(|| weight.map_or(1.0, |w| w.trim().parse::<f32>().unwrap_or(0.0)))
    });
    weights.next().is_some_and(|w| w > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        accepts_gzip(&headers)
    }

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        for yes in ["gzip", "deflate, GZIP;q=0.5", "x-gzip", "gzip ; q=1"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip;q=0.000", "gzip;q=x", "notgzip", "br, *;q=0"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn any_header_is_judged_without_panic(text in "[gzipq=;,.0-9 ]{0,40}") {
            let refused = !text.contains("gzip");
            prop_assert!(!(refused && accepts(&text)));
        }
    }
}
