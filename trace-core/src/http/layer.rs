//! The three layers as one.

use std::sync::Arc;

use http::{request, response};

use super::collect_metrics::Metrics;
use super::detect_anomalies::Detection;
use super::error_type::Side;
use super::request_layer::{Begun, Over, Part};
use super::trace_requests::{TracedRequest, Tracing};
use super::{
    CollectMetrics, DetectAnomalies, MetricNames, MonitoringError, ObserverStats, RequestLayer,
    RequestObserver, TraceRequests, WindowsObserver, trace_requests,
};
use crate::analyze::RedWindows;
use crate::metric::MeterRegistry;
use crate::record::{Recorder, Span};

/// [`TraceRequests`], [`CollectMetrics`] and [`DetectAnomalies`] in one layer, which share their settings.
pub type MonitoringLayer = RequestLayer<Monitoring>;

/// How [`MonitoringLayer`] watches requests: in up to three ways.
#[derive(Clone)]
pub struct Monitoring {
    trace: Tracing,
    metrics: Option<Metrics>,
    detect: Option<Detection>,
}

impl RequestLayer<Monitoring> {
    /// A layer that traces, and does whatever else is asked for.
    pub fn builder(recorder: Recorder) -> MonitoringLayerBuilder {
        MonitoringLayerBuilder {
            trace: trace_requests(recorder.clone()),
            recorder,
            registry: None,
            names: MetricNames::default(),
            observer: None,
            windows: None,
            detailed_metrics: false,
            anomaly_detection: true,
            performance_analysis: true,
        }
    }

    /// The part that traces, as a layer of its own.
    pub fn trace_requests(&self) -> TraceRequests {
        self.sibling(self.0.part.trace.clone())
    }

    /// The part that measures, as a layer of its own.
    pub fn collect_metrics(&self) -> Option<CollectMetrics> {
        self.0.part.metrics.clone().map(|metrics| self.sibling(metrics))
    }

    /// The part that tells observers, as a layer of its own.
    pub fn detect_anomalies(&self) -> Option<DetectAnomalies> {
        self.0.part.detect.clone().map(|detect| self.sibling(detect))
    }

    /// What observers were told, and what they missed; zeros without observers.
    pub fn observer_stats(&self) -> ObserverStats {
        self.0.part.detect.as_ref().map(Detection::stats).unwrap_or_default()
    }
}

/// Builds a [`MonitoringLayer`].
#[must_use = "a builder does nothing until `build`"]
pub struct MonitoringLayerBuilder {
    recorder: Recorder,
    trace: TraceRequests,
    registry: Option<MeterRegistry>,
    names: MetricNames,
    observer: Option<Arc<dyn RequestObserver>>,
    windows: Option<Arc<RedWindows>>,
    detailed_metrics: bool,
    anomaly_detection: bool,
    performance_analysis: bool,
}

impl MonitoringLayerBuilder {
    /// Where the route template is found, for all parts: see [`RequestLayer::route_with`].
    pub fn route_with<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.trace_with(|trace| trace.route_with(route))
    }

    /// Paths that no part sees, in place of [`super::DEFAULT_EXCLUDED_PATHS`]: exact, or a prefix followed by `*`.
    pub fn exclude_paths<P: Into<String>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        self.trace_with(|trace| trace.exclude_paths(paths))
    }

    /// Requests that no part sees, besides those of excluded paths.
    pub fn exclude_when(self, is_excluded: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) -> Self {
        self.trace_with(|trace| trace.exclude_when(is_excluded))
    }

    /// Changes how requests are traced. Routes, excluded paths and the clock that are set here are those of all
    /// parts.
    pub fn trace_with(mut self, change: impl FnOnce(TraceRequests) -> TraceRequests) -> Self {
        self.trace = change(self.trace);
        self
    }

    /// Counts and times requests in this registry.
    pub fn collect_metrics(mut self, registry: &MeterRegistry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Which names the metrics have; both by default.
    pub fn metric_names(mut self, names: MetricNames) -> Self {
        self.names = names;
        self
    }

    /// Tells an observer of every request.
    pub fn detect_anomalies(mut self, observer: Arc<dyn RequestObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Counts requests by route in these windows, under the recorder's service; see [`WindowsObserver`].
    pub fn analyze_performance(mut self, windows: Arc<RedWindows>) -> Self {
        self.windows = Some(windows);
        self
    }

    /// Whether the metrics include sizes and requests in flight. Not by default.
    pub fn enable_detailed_metrics(mut self, on: bool) -> Self {
        self.detailed_metrics = on;
        self
    }

    /// Whether the observer is told, if there is one. On by default.
    pub fn enable_anomaly_detection(mut self, on: bool) -> Self {
        self.anomaly_detection = on;
        self
    }

    /// Whether the windows are filled, if there are any. On by default.
    pub fn enable_performance_analysis(mut self, on: bool) -> Self {
        self.performance_analysis = on;
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If the registry has an instrument of the same name that differs, or there is no thread for the observer.
    pub fn build(self) -> Result<MonitoringLayer, MonitoringError> {
        let metrics = match &self.registry {
            Some(registry) => {
                let mut metrics = Metrics::new(registry, Side::Server)?;
                metrics.set(Some(self.names), Some(self.detailed_metrics));
                Some(metrics)
            }
            None => None,
        };
        let service = self.recorder.resource().service_name();
        let windows = self.windows.filter(|_| self.performance_analysis);
        let windows = windows.map(|w| WindowsObserver::new(service, w));
        let observer = self.observer.filter(|_| self.anomaly_detection);
        let detect = Detection::new(windows, observer).map_err(MonitoringError::Thread)?;
        let trace = self.trace.0.part.clone();
        Ok(self.trace.sibling(Monitoring { trace, metrics, detect }))
    }
}

impl std::fmt::Debug for MonitoringLayerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitoringLayerBuilder").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

impl Part for Monitoring {
    type Request = Option<TracedRequest>;

    fn start(&self, begun: &Begun<'_>, parts: &mut request::Parts) -> Self::Request {
        if let Some(metrics) = &self.metrics {
            metrics.begin(begun);
        }
        self.trace.start(begun, parts)
    }

    fn in_scope<T>(request: &Self::Request, f: impl FnOnce() -> T) -> T {
        Tracing::in_scope(request, f)
    }

    fn respond(request: &mut Self::Request, parts: &mut response::Parts) {
        Tracing::respond(request, parts);
    }

    fn end(&self, request: Self::Request, over: &mut Over<'_>) {
        let span = request.as_ref().map(TracedRequest::span);
        if let Some(traced) = &request {
            over.ended.request_bytes = traced.request_bytes().or(over.ended.request_bytes);
        }
        if let Some(metrics) = &self.metrics {
            metrics.finish(over, span);
        }
        if let Some(detect) = &self.detect {
            detect.finish(over, span.and_then(Span::inherited).as_ref());
        }
        self.trace.end(request, over);
    }
}
