//! The samples that applications hand in with `record_metric`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::{TenantId, TimeRange, Timestamp, TraceId};

/// What an application measured at one moment of a trace. Absent fields were not measured.
///
/// Unknown fields are refused, so that `cpuUsage: 0.8` is an error rather than a value of unknown unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricSample {
    /// The phase of the work, such as `execution_start`. Called `metricType` on the wire, also read as `phase`.
    #[serde(alias = "phase", alias = "metric_type")]
    pub metric_type: String,
    /// When it was measured.
    pub timestamp: Timestamp,
    /// Processor time in percent of the machine, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "cpu_usage_percent")]
    pub cpu_usage_percent: Option<f64>,
    /// Memory in mebibytes.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "memory_usage_mb")]
    pub memory_usage_mb: Option<f64>,
    /// Anything else, by a name that should end in its unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", alias = "custom_metrics")]
    pub custom_metrics: BTreeMap<String, f64>,
}

impl MetricSample {
    /// A sample without values.
    pub fn new(metric_type: impl Into<String>, timestamp: Timestamp) -> Self {
        Self {
            metric_type: metric_type.into(),
            timestamp,
            cpu_usage_percent: None,
            memory_usage_mb: None,
            custom_metrics: BTreeMap::new(),
        }
    }

    /// The same sample with one more value.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, value: f64) -> Self {
        self.custom_metrics.insert(name.into(), value);
        self
    }

    /// Every value with its name: `cpu_usage_percent`, `memory_usage_mb`, and the custom ones.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        let fixed =
            [("cpu_usage_percent", self.cpu_usage_percent), ("memory_usage_mb", self.memory_usage_mb)];
        let custom = self.custom_metrics.iter().map(|(name, value)| (name.as_str(), *value));
        fixed.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(custom)
    }

    fn byte_size(&self) -> usize {
        // A tree node's share of an entry is about its key and value again.
        let custom: usize = self.custom_metrics.keys().map(|k| k.len() + 64).sum();
        std::mem::size_of::<StoredSample>() + self.metric_type.len() + custom
    }
}

/// A sample with the trace it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSample {
    /// The trace.
    pub trace_id: TraceId,
    /// What was measured.
    pub sample: MetricSample,
}

/// The samples of the recent past, bounded in bytes; the oldest of the tenant that has most go first.
#[derive(Debug)]
pub struct MetricSampleLog {
    state: Mutex<State>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Of each tenant; none is empty.
    of: HashMap<TenantId, Samples>,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Samples {
    list: VecDeque<StoredSample>,
    bytes: usize,
}

impl State {
    fn of(&self, tenant: &TenantId) -> impl DoubleEndedIterator<Item = &StoredSample> {
        self.of.get(tenant).into_iter().flat_map(|samples| &samples.list)
    }

    fn evict(&mut self) {
        let most = self.of.iter().max_by_key(|(_, s)| s.bytes).map(|(t, _)| t.clone());
        let Some(tenant) = most else { return };
        let Some(samples) = self.of.get_mut(&tenant) else { return };
        if let Some(oldest) = samples.list.pop_front() {
            let bytes = oldest.sample.byte_size();
            samples.bytes -= bytes;
            self.bytes -= bytes;
            self.evicted += 1;
        }
        if samples.list.is_empty() {
            self.of.remove(&tenant);
        }
    }
}

impl Default for MetricSampleLog {
    /// 8 MiB: some 20,000 samples.
    fn default() -> Self {
        Self::new(8 << 20)
    }
}

impl MetricSampleLog {
    /// An empty log of this size.
    pub fn new(max_bytes: usize) -> Self {
        Self { state: Mutex::default(), max_bytes }
    }

    /// Keeps a sample of a tenant's trace.
    pub fn push(&self, tenant: &TenantId, trace_id: TraceId, sample: MetricSample) {
        let mut state = self.lock();
        let bytes = sample.byte_size();
        state.bytes += bytes;
        let samples = state.of.entry(tenant.clone()).or_default();
        samples.bytes += bytes;
        samples.list.push_back(StoredSample { trace_id, sample });
        while state.bytes > self.max_bytes {
            state.evict();
        }
    }

    /// The samples of a tenant's trace in order of arrival.
    pub fn of_trace(&self, tenant: &TenantId, trace_id: TraceId) -> Vec<StoredSample> {
        self.lock().of(tenant).filter(|s| s.trace_id == trace_id).cloned().collect()
    }

    /// The samples of a tenant that were measured in the range, in order of arrival; the latest `limit` of them.
    pub fn in_range(&self, tenant: &TenantId, range: TimeRange, limit: usize) -> Vec<StoredSample> {
        let state = self.lock();
        let inside = state.of(tenant).rev().filter(|s| range.contains(s.sample.timestamp));
        let mut found: Vec<StoredSample> = inside.take(limit).cloned().collect();
        found.reverse();
        found
    }

    /// How many are held, of all tenants.
    pub fn len(&self) -> usize {
        self.lock().of.values().map(|s| s.list.len()).sum()
    }

    /// Whether none are held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were let go for want of room.
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
