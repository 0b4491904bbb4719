//! The three layers as one.

use std::sync::Arc;

use http::{request, response};
use tower_layer::Layer;

use super::collect_metrics::MeasuredRequest;
use super::detect_anomalies::ObservedRequest;
use super::selection::Selection;
use super::trace_requests::TracedRequest;
use super::{
    CollectMetrics, DetectAnomalies, Ended, Monitor, Monitored, MonitoredRequest, MonitoringError,
    RequestObserver, TraceRequests, WindowsObserver, collect_metrics, trace_requests,
};
use crate::analyze::RedWindows;
use crate::metric::MeterRegistry;
use crate::record::Recorder;

/// [`TraceRequests`], [`CollectMetrics`] and [`DetectAnomalies`] in one layer, which share their settings.
#[derive(Clone, Debug)]
pub struct MonitoringLayer {
    trace: TraceRequests,
    metrics: Option<CollectMetrics>,
    detect: Option<DetectAnomalies>,
}

impl MonitoringLayer {
    /// A layer that traces, and does whatever else is asked for.
    pub fn builder(recorder: Recorder) -> MonitoringLayerBuilder {
        MonitoringLayerBuilder {
            trace: trace_requests(recorder.clone()),
            recorder,
            selection: Selection::default(),
            registry: None,
            observer: None,
            windows: None,
            detailed_metrics: false,
            anomaly_detection: true,
            performance_analysis: true,
        }
    }

    /// The part that traces, to be used on its own.
    pub fn trace_requests(&self) -> &TraceRequests {
        &self.trace
    }

    /// The part that measures.
    pub fn collect_metrics(&self) -> Option<&CollectMetrics> {
        self.metrics.as_ref()
    }

    /// The part that tells observers.
    pub fn detect_anomalies(&self) -> Option<&DetectAnomalies> {
        self.detect.as_ref()
    }
}

/// Builds a [`MonitoringLayer`].
#[must_use = "a builder does nothing until `build`"]
pub struct MonitoringLayerBuilder {
    recorder: Recorder,
    trace: TraceRequests,
    selection: Selection,
    registry: Option<MeterRegistry>,
    observer: Option<Arc<dyn RequestObserver>>,
    windows: Option<Arc<RedWindows>>,
    detailed_metrics: bool,
    anomaly_detection: bool,
    performance_analysis: bool,
}

impl MonitoringLayerBuilder {
    /// Where the route template is found, for all parts.
    pub fn route_with<F>(mut self, route: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.selection.route_with(route);
        self
    }

    /// Paths that no part sees, in place of [`super::DEFAULT_EXCLUDED_PATHS`]: exact, or a prefix followed by `*`.
    pub fn exclude_paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.selection.exclude(paths);
        self
    }

    /// Changes how requests are traced. Routes and excluded paths are those of this builder.
    pub fn trace_with(mut self, change: impl FnOnce(TraceRequests) -> TraceRequests) -> Self {
        self.trace = change(self.trace);
        self
    }

    /// Counts and times requests in this registry.
    pub fn collect_metrics(mut self, registry: &MeterRegistry) -> Self {
        self.registry = Some(registry.clone());
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
        let clock = self.recorder.clock();
        let metrics = match &self.registry {
            Some(registry) => Some(
                collect_metrics(registry)?
                    .detailed(self.detailed_metrics)
                    .clock(clock.clone())
                    .select(self.selection.clone()),
            ),
            None => None,
        };
        let service = self.recorder.resource().service_name();
        let windows = self.windows.filter(|_| self.performance_analysis);
        let windows = windows.map(|w| Arc::new(WindowsObserver::new(service, w)) as Arc<dyn RequestObserver>);
        let observer = self.observer.filter(|_| self.anomaly_detection);
        let observers: Vec<_> = windows.into_iter().chain(observer).collect();
        let detect = match observers.is_empty() {
            true => None,
            false => Some(
                DetectAnomalies::new(observers)
                    .map_err(MonitoringError::Thread)?
                    .clock(clock.clone())
                    .select(self.selection.clone()),
            ),
        };
        Ok(MonitoringLayer { trace: self.trace.select(self.selection), metrics, detect })
    }
}

impl std::fmt::Debug for MonitoringLayerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitoringLayerBuilder").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for MonitoringLayer {
    type Service = Monitored<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Monitored::new(inner, self.clone())
    }
}

impl Monitor for MonitoringLayer {
    type Request = MonitoringRequest;

    fn start(&self, parts: &mut request::Parts) -> Option<MonitoringRequest> {
        // Tracing first: the others find its span in the extensions.
        let trace = self.trace.start(parts);
        let metrics = self.metrics.as_ref().and_then(|m| m.start(parts));
        let detect = self.detect.as_ref().and_then(|d| d.start(parts));
        Some(MonitoringRequest { trace, metrics, detect })
    }
}

/// A request under way, in all parts.
pub struct MonitoringRequest {
    trace: Option<TracedRequest>,
    metrics: Option<MeasuredRequest>,
    detect: Option<ObservedRequest>,
}

impl MonitoredRequest for MonitoringRequest {
    fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        match &self.trace {
            Some(trace) => trace.in_scope(f),
            None => f(),
        }
    }

    fn respond(&mut self, parts: &mut response::Parts) {
        if let Some(trace) = &mut self.trace {
            trace.respond(parts);
        }
    }

    fn end(mut self, ended: &Ended) {
        let (metrics, detect) = (self.metrics.take(), self.detect.take());
        // Within the span, so that measurements get it as their exemplar.
        self.in_scope(|| {
            if let Some(metrics) = metrics {
                metrics.end(ended);
            }
            if let Some(detect) = detect {
                detect.end(ended);
            }
        });
        if let Some(trace) = self.trace {
            trace.end(ended);
        }
    }
}
