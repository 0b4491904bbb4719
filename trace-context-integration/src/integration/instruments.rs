//! The integration's own metrics.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use trace_core::metric::{Counter, Histogram, InvalidInstrument, MeterRegistry};
use trace_core::model::{KeyValue, Scope};

use super::open::OpenTrace;

/// Context ids that become metric attributes; the rest share this one.
const OTHER: &str = "other";

/// Durations, errors, and what went wrong with monitoring itself.
pub(super) struct Instruments {
    duration: Histogram,
    errors: Counter,
    failures: Counter,
    contexts: Option<BoundedIds>,
}

/// The first ids to come, up to a limit.
struct BoundedIds {
    seen: Mutex<HashSet<String>>,
    limit: usize,
}

impl BoundedIds {
    fn admit(&self, id: String) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&id) {
            return id;
        }
        if seen.len() >= self.limit {
            return OTHER.to_owned();
        }
        seen.insert(id.clone());
        id
    }
}

impl Instruments {
    /// `context_ids` is how many context ids become attributes; `None` for no such attribute.
    pub(super) fn new(
        registry: &MeterRegistry,
        context_ids: Option<usize>,
    ) -> Result<Self, InvalidInstrument> {
        let meter = registry.meter(Scope::from_static(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
        Ok(Self {
            duration: meter
                .histogram("mplp.context.operation.duration")
                .unit("s")
                .description("How long operations of contexts take.")
                .build()?,
            errors: meter
                .counter("mplp.context.operation.errors")
                .unit("{error}")
                .description("Operations of contexts that failed.")
                .build()?,
            failures: meter
                .counter("mplp.context.monitoring.failures")
                .unit("{failure}")
                .description("Steps of monitoring that failed without harm to the operation.")
                .build()?,
            contexts: context_ids.map(|limit| BoundedIds { seen: Mutex::default(), limit }),
        })
    }

    fn attributes(&self, trace: &OpenTrace) -> Vec<KeyValue> {
        let mut all = vec![
            KeyValue::new("mplp.tenant.id", trace.tenant.as_str().to_owned()),
            KeyValue::new("mplp.context.type", trace.context_type.as_str().to_owned()),
            KeyValue::new("mplp.operation.name", trace.operation.clone()),
        ];
        if let Some(ids) = &self.contexts {
            all.push(KeyValue::new("mplp.context.id", ids.admit(trace.context.to_string())));
        }
        all
    }

    pub(super) fn duration(&self, trace: &OpenTrace, duration: Duration, success: bool) {
        let mut attributes = self.attributes(trace);
        attributes.push(KeyValue::new("mplp.result.success", success));
        self.duration.record(duration.as_secs_f64(), &attributes);
    }

    /// An operation failed; the trace is unknown if the caller did not name it.
    pub(super) fn error(&self, trace: Option<&OpenTrace>, kind: &str) {
        let mut attributes = trace.map(|t| self.attributes(t)).unwrap_or_default();
        attributes.push(KeyValue::new("error.type", kind.to_owned()));
        self.errors.add(1_u64, &attributes);
    }

    pub(super) fn failure(&self, step: &'static str) {
        self.failures.add(1_u64, &[KeyValue::new("mplp.monitoring.step", step)]);
    }
}
