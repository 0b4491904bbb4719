//! What `delivery` puts around exporters.

use std::collections::BTreeMap;
use std::time::Duration;

use trace_core::pipeline::DestinationConfig;
use trace_core::signal::{LogExporter, MetricExporter, SpanExporter};
use trace_exporters::delivery::DeliveryConfig;
use trace_exporters::delivery::spill::SpillError;

use super::registry::{LogPart, MetricPart, SpanPart};
use super::{BuildError, log_exporters, metric_exporters, span_exporters};

/// The longest limit of an attempt where there should be none.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

type Deliveries<'a> = BTreeMap<&'a str, &'a DeliveryConfig>;

macro_rules! assemble {
    ($(#[$doc:meta])* $name:ident, $part:ident, $exporter:ident, $wrap:ident, $path:path) => {
        $(#[$doc])*
        pub(super) fn $name(
            parts: Vec<$part>,
            deliveries: &Deliveries<'_>,
        ) -> Result<Vec<$part>, BuildError> {
            let stands_in = |part: &$part| deliveries.values().any(|d| d.others().any(|other| other == part.name));
            let (others, first): (Vec<_>, Vec<_>) = parts.into_iter().partition(stands_in);
            let mut others: BTreeMap<String, Box<dyn $exporter>> =
                others.into_iter().map(|part| (part.name, part.destination.exporter)).collect();
            let mut all = Vec::new();
            for mut part in first {
                if let Some(delivery) = deliveries.get(part.name.as_str()).filter(|d| ***d != DeliveryConfig::default()) {
                    let (delivery, config) = fed(delivery, part.destination.config);
                    let beside = delivery.others().filter_map(|name| others.remove(name)).collect();
                    let exporter = delivery.$wrap(part.destination.exporter, beside);
                    let failed = |e: SpillError| BuildError::part(format!("{}.delivery.spill", $path(&part.name)), e);
                    part.destination.exporter = exporter.map_err(failed)?;
                    part.destination.config = config;
                }
                all.push(part);
            }
            Ok(all)
        }
    };
}

assemble! {
    /// Wraps each destination of spans; those that stand in for others become parts of these.
    spans, SpanPart, SpanExporter, spans, span_exporters::path
}

assemble! {
    /// Wraps each destination of metrics; those that stand in for others become parts of these.
    metrics, MetricPart, MetricExporter, metrics, metric_exporters::path
}

assemble! {
    /// Wraps each destination of log records; those that stand in for others become parts of these.
    logs, LogPart, LogExporter, logs, log_exporters::path
}

/// The delivery with the limit of an attempt that holds without one of its own, and how the pipeline feeds what it wraps.
fn fed(delivery: &DeliveryConfig, config: DestinationConfig) -> (DeliveryConfig, DestinationConfig) {
    let mut delivery = delivery.clone();
    let limit = u64::try_from(config.timeout.min(LONGEST).as_millis()).unwrap_or(u64::MAX);
    delivery.timeout_ms = delivery.timeout_ms.or(Some(limit.max(1)));
    let config = delivery.destination(config);
    (delivery, config)
}
