//! The service itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::request::MAX_NAME;
use super::trace_report::{self, Surroundings};
use super::{
    AlertRequest, AnomalyQuery, ComparisonQuery, HealthCheck, HealthChecks, PerformanceData,
    PerformanceQuery, QueryError, RecordMetricError, SendAlertError, performance,
};
use crate::analyze::{Comparison, RedQuery, RedWindows, compare_periods};
use crate::model::{
    AlertId, Anomaly, Check, CheckStatus, ComponentHealth, HealthStatus, PerformanceTargets, SeverityFilter,
    TenantId, TimeRange, Timestamp, TraceId,
};
use crate::signal::{AlertSink, Rejected};
use crate::store::{AnomalyLog, MetricSample, MetricSampleLog, SpanReader, TimeSource, system_time};

/// Is told every value that `record_metric` takes: name, value, and the trace as an exemplar. Must not block.
pub type MetricHook = Arc<dyn Fn(&str, f64, TraceId) + Send + Sync>;

/// Custom metrics in one sample at most.
const MAX_METRICS: usize = 128;

/// What the service has taken and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStats {
    /// Metric samples taken.
    pub samples: u64,
    /// Metric samples refused with an error.
    pub refused_samples: u64,
    /// Values left out of samples because they were no number or infinite.
    pub dropped_values: u64,
    /// Values on which the metric hook panicked.
    pub hook_panics: u64,
    /// Alerts taken.
    pub alerts: u64,
    /// Alerts refused with an error.
    pub refused_alerts: u64,
}

#[derive(Debug, Default)]
struct Counters {
    samples: AtomicU64,
    refused_samples: AtomicU64,
    dropped_values: AtomicU64,
    hook_panics: AtomicU64,
    alerts: AtomicU64,
    refused_alerts: AtomicU64,
}

impl HealthCheck for Counters {
    fn component(&self) -> &str {
        "metrics"
    }

    fn check(&self) -> ComponentHealth {
        let (dropped, panics) = (self.dropped_values.load(Relaxed), self.hook_panics.load(Relaxed));
        let message = format!(
            "{} samples taken, {} refused; {dropped} values were no number, {panics} made the hook panic",
            self.samples.load(Relaxed),
            self.refused_samples.load(Relaxed)
        );
        let status = if panics > 0 { CheckStatus::Warn } else { CheckStatus::Pass };
        let check = Check { name: "record_metric".to_owned(), status, message };
        ComponentHealth::from_checks(vec![check], dropped + panics, None)
    }
}

/// Builds a [`TracingService`] of the parts that there are.
#[must_use = "a builder does nothing until `build`"]
pub struct TracingServiceBuilder {
    service: TracingService,
}

impl TracingServiceBuilder {
    /// Where traces are read from. Without one, no trace has spans.
    pub fn span_reader(mut self, reader: Arc<dyn SpanReader>) -> Self {
        self.service.reader = Some(reader);
        self
    }

    /// Where the numbers of a period and the baselines come from.
    pub fn windows(mut self, windows: Arc<RedWindows>) -> Self {
        self.service.windows = Some(windows);
        self
    }

    /// Where anomalies are found; a log of its own, which stays empty, by default.
    pub fn anomaly_log(mut self, log: Arc<AnomalyLog>) -> Self {
        self.service.anomalies = log;
        self
    }

    /// Where metric samples are kept; a log of 8 MiB by default.
    pub fn sample_log(mut self, log: Arc<MetricSampleLog>) -> Self {
        self.service.samples = log;
        self
    }

    /// Where alerts go. Without one, `send_alert` is refused.
    pub fn alert_sink(mut self, sink: Arc<dyn AlertSink>) -> Self {
        self.service.sink = Some(sink);
        self
    }

    /// Is told every metric value, to feed instruments.
    pub fn metric_hook(mut self, hook: MetricHook) -> Self {
        self.service.hook = Some(hook);
        self
    }

    /// What a trace should achieve.
    pub fn targets(mut self, targets: PerformanceTargets) -> Self {
        self.service.targets = targets;
        self
    }

    /// A part without which the system does not do its job.
    pub fn required_check(mut self, part: Arc<dyn HealthCheck>) -> Self {
        self.service.checks.add_required(part);
        self
    }

    /// A part that can only degrade the whole.
    pub fn optional_check(mut self, part: Arc<dyn HealthCheck>) -> Self {
        self.service.checks.add_optional(part);
        self
    }

    /// The clock that relative time ranges end at.
    pub fn clock(mut self, clock: TimeSource) -> Self {
        self.service.clock = clock;
        self
    }

    /// The service.
    pub fn build(mut self) -> TracingService {
        self.service.checks.add_optional(self.service.counters.clone());
        self.service
    }
}

/// The service that applications and the HTTP API talk to (the seed's DistributedTracingService). Clones share
/// everything. A handle speaks for one tenant, at first the default one: it sees what that tenant owns, and what it
/// takes belongs to it.
#[derive(Clone)]
pub struct TracingService {
    tenant: TenantId,
    reader: Option<Arc<dyn SpanReader>>,
    windows: Option<Arc<RedWindows>>,
    anomalies: Arc<AnomalyLog>,
    samples: Arc<MetricSampleLog>,
    sink: Option<Arc<dyn AlertSink>>,
    hook: Option<MetricHook>,
    targets: PerformanceTargets,
    checks: HealthChecks,
    counters: Arc<Counters>,
    clock: TimeSource,
}

impl std::fmt::Debug for TracingService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracingService").field("checks", &self.checks).field("stats", &self.stats()).finish()
    }
}

impl TracingService {
    /// A service without parts.
    pub fn builder() -> TracingServiceBuilder {
        TracingServiceBuilder {
            service: Self {
                tenant: TenantId::default(),
                reader: None,
                windows: None,
                anomalies: Arc::default(),
                samples: Arc::default(),
                sink: None,
                hook: None,
                targets: PerformanceTargets::default(),
                checks: HealthChecks::default(),
                counters: Arc::default(),
                clock: system_time(),
            },
        }
    }

    /// A handle to the same service that speaks for another tenant.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { tenant, ..self.clone() }
    }

    /// The tenant this handle speaks for.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Keeps what an application measured in a trace. Never waits. A trace that is not known, or was not sampled,
    /// is as good as any; a value that is no number or infinite is left out and counted.
    ///
    /// # Errors
    /// A malformed trace id, a percentage outside of 0 to 100 (`cpuUsagePercent` and custom names that end in
    /// `_percent`), a custom name that is empty or over 128 bytes, more than 128 custom metrics. Nothing of the
    /// sample is kept then.
    pub fn record_metric(&self, trace_id: &str, sample: MetricSample) -> Result<(), RecordMetricError> {
        let taken = self.take(trace_id, sample);
        let counter = if taken.is_ok() { &self.counters.samples } else { &self.counters.refused_samples };
        counter.fetch_add(1, Relaxed);
        taken
    }

    fn take(&self, trace_id: &str, mut sample: MetricSample) -> Result<(), RecordMetricError> {
        let trace_id: TraceId = trace_id.parse()?;
        if sample.custom_metrics.len() > MAX_METRICS {
            return Err(RecordMetricError::TooManyMetrics(sample.custom_metrics.len()));
        }
        let names = sample.custom_metrics.keys().chain([&sample.metric_type]);
        if let Some(name) = names.into_iter().find(|n| n.is_empty() || n.len() > MAX_NAME) {
            return Err(RecordMetricError::InvalidName(name.chars().take(64).collect()));
        }
        let before = sample.values().count();
        sample.cpu_usage_percent = sample.cpu_usage_percent.filter(|v| v.is_finite());
        sample.memory_usage_mb = sample.memory_usage_mb.filter(|v| v.is_finite());
        sample.custom_metrics.retain(|_, v| v.is_finite());
        let wrong =
            |(name, value): &(&str, f64)| name.ends_with("_percent") && !(0.0..=100.0).contains(value);
        if let Some((name, value)) = sample.values().find(wrong) {
            return Err(RecordMetricError::InvalidPercent { name: name.to_owned(), value });
        }
        self.counters.dropped_values.fetch_add((before - sample.values().count()) as u64, Relaxed);
        if let Some(hook) = &self.hook {
            for (name, value) in sample.values() {
                if catch_unwind(AssertUnwindSafe(|| hook(name, value, trace_id))).is_err() {
                    self.counters.hook_panics.fetch_add(1, Relaxed);
                }
            }
        }
        self.samples.push(&self.tenant, trace_id, sample);
        Ok(())
    }

    /// Hands an alert to the alerting. Never waits.
    ///
    /// # Errors
    /// An invalid severity, trace id, type or label; or the sink's refusal, in particular when its queue is full.
    pub fn send_alert(&self, request: AlertRequest) -> Result<AlertId, SendAlertError> {
        let raised = request.into_alert((self.clock)()).and_then(|mut alert| match &self.sink {
            Some(sink) => {
                alert.tenant = self.tenant.clone();
                Ok(sink.raise(alert)?)
            }
            None => Err(Rejected::Closed.into()),
        });
        let counter = if raised.is_ok() { &self.counters.alerts } else { &self.counters.refused_alerts };
        counter.fetch_add(1, Relaxed);
        raised
    }

    /// How one trace, or everything in a period, performed. A period in which nothing happened has zeros.
    ///
    /// # Errors
    /// A malformed time range or trace id, a trace of which nothing is known, a store that does not answer.
    pub async fn performance_data(&self, query: PerformanceQuery) -> Result<PerformanceData, QueryError> {
        let range = TimeRange::parse(&query.time_range, (self.clock)())?;
        let mut data = match query.trace_id.as_deref().filter(|t| !t.is_empty()) {
            Some(id) => self.trace_performance(id.parse()?, query.include_recommendations).await?,
            None => {
                let anomalies = self.anomalies.query(&self.tenant, SeverityFilter::default(), range, true);
                let (windows, text) = (self.windows.as_deref(), &query.time_range);
                performance::period(
                    range,
                    text,
                    &self.tenant,
                    windows,
                    &self.samples,
                    anomalies,
                    query.include_recommendations,
                )
            }
        };
        data.anomalies = data.anomalies.filter(|_| query.include_anomalies);
        Ok(data)
    }

    async fn trace_performance(&self, id: TraceId, recommend: bool) -> Result<PerformanceData, QueryError> {
        let trace = match &self.reader {
            Some(reader) => reader.trace(&self.tenant, &id).await.map_err(QueryError::StorageUnavailable)?,
            None => None,
        };
        let samples = self.samples.of_trace(&self.tenant, id);
        if trace.is_none() && samples.is_empty() {
            return Err(QueryError::TraceNotFound(id));
        }
        let range = trace_report::extent(trace.as_ref(), &samples);
        let touching = trace_report::anomaly_range(range);
        let anomalies = self.anomalies.query(&self.tenant, SeverityFilter::default(), touching, true);
        let windows = self.windows.as_deref();
        let (tenant, targets) = (&self.tenant, self.targets);
        let around = Surroundings { tenant, range, windows, targets, anomalies, recommend };
        Ok(trace_report::report(id, trace.as_ref(), samples, around))
    }

    /// What became faster, slower, more or less reliable, new or vanished, operation by operation. Without windows there
    /// are no operations.
    ///
    /// # Errors
    /// A malformed time range.
    pub fn compare(&self, query: &ComparisonQuery) -> Result<Comparison, QueryError> {
        let now = (self.clock)();
        let range = TimeRange::parse(&query.time_range, now)?;
        let baseline = match query.baseline.as_deref().filter(|b| !b.is_empty()) {
            Some(text) => TimeRange::parse(text, now)?,
            None => TimeRange::last(range.duration(), range.start),
        };
        let profiles = |range| {
            let windows = self.windows.as_deref();
            windows.map_or_else(Vec::new, |w| w.profiles(&RedQuery::all(range).of(&self.tenant)))
        };
        Ok(compare_periods((range, &profiles(range)), (baseline, &profiles(baseline))))
    }

    /// The anomalies that were going on in a period, the latest opened first.
    ///
    /// # Errors
    /// A malformed time range or severity filter.
    pub fn anomalies(&self, query: &AnomalyQuery) -> Result<Vec<Anomaly>, QueryError> {
        let filter: SeverityFilter = query.severity.parse()?;
        let range = TimeRange::parse(&query.time_range, (self.clock)())?;
        Ok(self.anomalies.query(&self.tenant, filter, range, query.include_resolved))
    }

    /// How the system itself is doing.
    pub fn health(&self) -> HealthStatus {
        self.checks.status((self.clock)())
    }

    /// What was taken and refused so far.
    pub fn stats(&self) -> ServiceStats {
        let c = &self.counters;
        ServiceStats {
            samples: c.samples.load(Relaxed),
            refused_samples: c.refused_samples.load(Relaxed),
            dropped_values: c.dropped_values.load(Relaxed),
            hook_panics: c.hook_panics.load(Relaxed),
            alerts: c.alerts.load(Relaxed),
            refused_alerts: c.refused_alerts.load(Relaxed),
        }
    }

    /// The anomaly log of all tenants, to acknowledge and resolve, and to listen to.
    pub fn anomaly_log(&self) -> &Arc<AnomalyLog> {
        &self.anomalies
    }

    /// The service's time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
