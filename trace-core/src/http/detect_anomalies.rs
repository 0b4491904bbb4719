//! Tells observers of each request.

use std::sync::Arc;
use std::time::Duration;

use http::request;

use super::observer_thread::ObserverThread;
use super::request_layer::{Begun, Over, Part};
use super::selection::Selection;
use super::{ObserverStats, RequestLayer, RequestObservation, RequestObserver, RequestSpan, WindowsObserver};
use crate::clock::Clock;
use crate::model::{SpanContext, Timestamp, TraceIds};

/// Tells an observer of each request, with default settings: see [`DetectAnomalies`].
///
/// # Errors
/// If the operating system gives no thread.
pub fn detect_anomalies(observer: Arc<dyn RequestObserver>) -> std::io::Result<DetectAnomalies> {
    let part = Detection { threads: Arc::new([ObserverThread::start(observer)?]) };
    Ok(RequestLayer::new(Selection::of_server(), Clock::default(), part))
}

/// A layer that tells a [`RequestObserver`] the duration and outcome of each request.
///
/// The observer runs on a thread `mplp-observe` behind a queue of 16,384 requests. However slow it is, and even if it
/// panics, no request is delayed or fails; [`DetectAnomalies::stats`] tells what it missed.
///
/// To find anomalies, let a [`WindowsObserver`](super::WindowsObserver) fill the windows that a
/// [`DetectionStage`](crate::detect::DetectionStage) watches.
pub type DetectAnomalies = RequestLayer<Detection>;

/// How [`DetectAnomalies`] watches requests.
#[derive(Clone)]
pub struct Detection {
    /// One for each observer, so that a slow one holds up no other.
    threads: Arc<[ObserverThread]>,
}

impl Detection {
    /// `None` if there is nobody to tell.
    pub(super) fn new(
        windows: Option<WindowsObserver>,
        observer: Option<Arc<dyn RequestObserver>>,
    ) -> std::io::Result<Option<Self>> {
        let windows = windows.map(ObserverThread::start_windows);
        let observer = observer.map(ObserverThread::start);
        let threads: Arc<[_]> = windows.into_iter().chain(observer).collect::<Result<_, _>>()?;
        Ok((!threads.is_empty()).then_some(Self { threads }))
    }

    pub(super) fn stats(&self) -> ObserverStats {
        self.threads.iter().map(ObserverThread::stats).fold(ObserverStats::default(), |a, b| ObserverStats {
            observed: a.observed + b.observed,
            panicked: a.panicked + b.panicked,
            dropped: a.dropped + b.dropped,
        })
    }

    /// Tells of a request with this span.
    pub(super) fn finish(&self, over: &Over<'_>, span: Option<&SpanContext>) {
        let Some((last, others)) = self.threads.split_last() else { return };
        let observation = RequestObservation {
            route: over.operation.template.clone(),
            method: over.operation.method,
            status: over.ended.status.map(|s| s.as_u16()),
            outcome: over.ended.outcome,
            is_error: over.ended.is_error(),
            end: Timestamp::from_unix_nanos(over.clock.to_unix_nanos(over.now)),
            duration: Duration::from_nanos(over.nanos),
            trace: sampled_ids(span),
            tenant: span.map(|c| c.tenant).unwrap_or_default(),
        };
        others.iter().for_each(|thread| thread.offer(observation.clone()));
        last.offer(observation);
    }
}

/// The ids of a span that is sampled: one that is not cannot be found.
fn sampled_ids(context: Option<&SpanContext>) -> Option<TraceIds> {
    let sampled = context.filter(|c| c.is_sampled())?;
    Some(TraceIds { trace_id: sampled.trace_id, span_id: Some(sampled.span_id) })
}

impl RequestLayer<Detection> {
    /// What the observer was told, and what it missed. In a [`super::MonitoringLayer`] the analysis of performance
    /// is an observer too, and counts along.
    pub fn stats(&self) -> ObserverStats {
        self.0.part.stats()
    }
}

impl Part for Detection {
    type Request = Option<RequestSpan>;

    fn start(&self, _begun: &Begun<'_>, parts: &mut request::Parts) -> Self::Request {
        parts.extensions.get::<RequestSpan>().cloned()
    }

    fn end(&self, request: Self::Request, over: &mut Over<'_>) {
        self.finish(over, request.and_then(|span| span.inherited()).as_ref());
    }
}
