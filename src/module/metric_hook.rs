//! From the samples of `record_metric` to instruments.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use trace_core::metric::{Gauge, Histogram, Meter, MeterRegistry};
use trace_core::model::{Scope, TraceId};
use trace_core::service::MetricHook;

/// Names that become instruments; values of further names are kept as samples only.
const MAX_INSTRUMENTS: usize = 256;

enum Instrument {
    /// A distribution, and what a value is multiplied with.
    Histogram(Histogram, f64),
    /// A last value, and what a value is multiplied with.
    Gauge(Gauge, f64),
    /// The name cannot be that of an instrument.
    None,
}

struct Hook {
    meter: Meter,
    instruments: Mutex<HashMap<String, Instrument>>,
}

/// Feeds every value into an instrument named after it, in base units: `*_ms` is a histogram in seconds, `*_mb` a
/// gauge in bytes, `*_percent` a gauge from 0 to 1, and anything else a gauge without a unit.
pub(super) fn hook(registry: &MeterRegistry) -> MetricHook {
    let hook = Hook { meter: registry.meter(Scope::named("mplp.samples")), instruments: Mutex::default() };
    Arc::new(move |name, value, trace| hook.take(name, value, trace))
}

impl Hook {
    fn take(&self, name: &str, value: f64, _trace: TraceId) {
        let mut instruments = self.instruments.lock().unwrap_or_else(PoisonError::into_inner);
        if !instruments.contains_key(name) {
            if instruments.len() >= MAX_INSTRUMENTS {
                return;
            }
            instruments.insert(name.to_owned(), self.instrument(name));
        }
        match instruments.get(name) {
            Some(Instrument::Histogram(h, factor)) => h.record(value * factor, &[]),
            Some(Instrument::Gauge(g, factor)) => g.record(value * factor, &[]),
            Some(Instrument::None) | None => {}
        }
    }

    fn instrument(&self, name: &str) -> Instrument {
        let description = "Handed in with record_metric.";
        if let Some(base) = name.strip_suffix("_ms") {
            let built = self.meter.histogram(base.to_owned()).unit("s").description(description).build();
            return built.map_or(Instrument::None, |h| Instrument::Histogram(h, 1e-3));
        }
        let (base, unit, factor): (&str, Cow<'static, str>, f64) = match name {
            n if n.ends_with("_mb") => (n.trim_end_matches("_mb"), "By".into(), 1_048_576.0),
            n if n.ends_with("_percent") => (n.trim_end_matches("_percent"), "1".into(), 0.01),
            n => (n, "".into(), 1.0),
        };
        let built = self.meter.gauge(base.to_owned()).unit(unit).description(description).build();
        built.map_or(Instrument::None, |g| Instrument::Gauge(g, factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace_core::model::{Resource, Timestamp};

    #[test]
    fn values_become_instruments_in_base_units() {
        let registry = MeterRegistry::new(Arc::new(Resource::service("t")));
        let hook = hook(&registry);
        for (name, value) in
            [("workflow.actual_duration_ms", 250.0), ("memory_usage_mb", 2.0), ("9 bad", 1.0)]
        {
            hook(name, value, TraceId::MIN);
        }
        let batch = registry.collect(Timestamp::now());
        let metrics: Vec<(String, String)> =
            batch.scopes[0].metrics.iter().map(|m| (m.name.to_string(), m.unit.to_string())).collect();
        assert!(metrics.contains(&("workflow.actual_duration".into(), "s".into())), "{metrics:?}");
        assert!(metrics.contains(&("memory_usage".into(), "By".into())), "{metrics:?}");
        assert_eq!(metrics.len(), 2);
    }
}
