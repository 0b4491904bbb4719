//! The samples that applications hand in with `record_metric`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::{TimeRange, Timestamp, TraceId};

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

/// The samples of the recent past, bounded in bytes; the oldest go first.
#[derive(Debug)]
pub struct MetricSampleLog {
    state: Mutex<State>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    samples: VecDeque<StoredSample>,
    bytes: usize,
    evicted: u64,
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

    /// Keeps a sample.
    pub fn push(&self, trace_id: TraceId, sample: MetricSample) {
        let mut state = self.lock();
        state.bytes += sample.byte_size();
        state.samples.push_back(StoredSample { trace_id, sample });
        while state.bytes > self.max_bytes {
            let Some(oldest) = state.samples.pop_front() else { break };
            state.bytes -= oldest.sample.byte_size();
            state.evicted += 1;
        }
    }

    /// The samples of a trace in order of arrival.
    pub fn of_trace(&self, trace_id: TraceId) -> Vec<StoredSample> {
        self.lock().samples.iter().filter(|s| s.trace_id == trace_id).cloned().collect()
    }

    /// The samples measured in the range, in order of arrival; the latest `limit` of them.
    pub fn in_range(&self, range: TimeRange, limit: usize) -> Vec<StoredSample> {
        let state = self.lock();
        let inside = state.samples.iter().rev().filter(|s| range.contains(s.sample.timestamp));
        let mut found: Vec<StoredSample> = inside.take(limit).cloned().collect();
        found.reverse();
        found
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.lock().samples.len()
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
