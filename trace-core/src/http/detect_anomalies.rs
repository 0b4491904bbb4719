//! Tells observers of each request.

use std::fmt;
use std::sync::Arc;

use http::request;
use tower_layer::Layer;

use super::method::known_method;
use super::observer_thread::ObserverThread;
use super::selection::Selection;
use super::{
    Ended, Monitor, Monitored, MonitoredRequest, ObserverStats, RequestObservation, RequestObserver,
    RequestSpan,
};
use crate::clock::Clock;
use crate::model::TraceIds;

/// Tells an observer of each request, with default settings: see [`DetectAnomalies`].
///
/// # Errors
/// If the operating system gives no thread.
pub fn detect_anomalies(observer: Arc<dyn RequestObserver>) -> std::io::Result<DetectAnomalies> {
    DetectAnomalies::new(vec![observer])
}

/// A layer that tells a [`RequestObserver`] the duration and outcome of each request.
///
/// The observer runs on a thread `mplp-observe` behind a queue of 4096 requests. However slow it is, and even if it
/// panics, no request is delayed or fails; [`DetectAnomalies::stats`] tells what it missed.
///
/// To find anomalies, let a [`WindowsObserver`](super::WindowsObserver) fill the windows that a
/// [`DetectionStage`](crate::detect::DetectionStage) watches.
#[derive(Clone)]
pub struct DetectAnomalies(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    /// One for each observer, so that a slow one holds up no other.
    threads: Vec<ObserverThread>,
    selection: Selection,
    clock: Clock,
}

impl DetectAnomalies {
    pub(super) fn new(observers: Vec<Arc<dyn RequestObserver>>) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Settings {
            threads: observers.into_iter().map(ObserverThread::start).collect::<Result<_, _>>()?,
            selection: Selection::default(),
            clock: Clock::default(),
        })))
    }

    /// Where the route template is found.
    #[must_use]
    pub fn route_with<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.with(|s| s.selection.route_with(route))
    }

    /// Paths that nobody is told of, in place of [`super::DEFAULT_EXCLUDED_PATHS`]: exact, or a prefix followed by
    /// `*`.
    #[must_use]
    pub fn exclude_paths<P: Into<String>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        self.with(|s| s.selection.exclude(paths))
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|s| s.clock = clock)
    }

    /// What the observer was told, and what it missed. In a [`super::MonitoringLayer`] the analysis of performance
    /// is an observer too, and counts along.
    pub fn stats(&self) -> ObserverStats {
        self.0.threads.iter().map(ObserverThread::stats).fold(ObserverStats::default(), |a, b| {
            ObserverStats {
                observed: a.observed + b.observed,
                panicked: a.panicked + b.panicked,
                dropped: a.dropped + b.dropped,
            }
        })
    }

    pub(super) fn select(self, selection: Selection) -> Self {
        self.with(|s| s.selection = selection)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for DetectAnomalies {
    type Service = Monitored<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Monitored::new(inner, self.clone())
    }
}

impl Monitor for DetectAnomalies {
    type Request = ObservedRequest;

    fn start(&self, parts: &mut request::Parts) -> Option<ObservedRequest> {
        let s = &self.0;
        if s.selection.excludes(parts) {
            return None;
        }
        let context = parts.extensions.get::<RequestSpan>().and_then(RequestSpan::context);
        Some(ObservedRequest {
            settings: s.clone(),
            start: s.clock.ticks(),
            route: s.selection.route(parts).map(str::to_owned),
            method: known_method(&parts.method),
            trace: context
                .filter(|c| c.is_sampled())
                .map(|c| TraceIds { trace_id: c.trace_id, span_id: Some(c.span_id) }),
        })
    }
}

impl fmt::Debug for DetectAnomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DetectAnomalies").field(&self.stats()).finish()
    }
}

/// A request that an observer will be told of.
pub struct ObservedRequest {
    settings: Arc<Settings>,
    /// In ticks.
    start: u64,
    route: Option<String>,
    method: &'static str,
    trace: Option<TraceIds>,
}

impl MonitoredRequest for ObservedRequest {
    fn end(self, ended: &Ended) {
        let Settings { clock, threads, .. } = &*self.settings;
        let observation = RequestObservation {
            route: self.route,
            method: self.method,
            status: ended.status.map(|s| s.as_u16()),
            outcome: ended.outcome,
            is_error: ended.is_error(),
            end: clock.now(),
            duration: clock.since(self.start),
            trace: self.trace,
        };
        for thread in threads {
            thread.offer(observation.clone());
        }
    }
}
