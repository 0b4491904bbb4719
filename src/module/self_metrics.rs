//! The module's own figures as metrics, under the names of OpenTelemetry's semantic conventions for SDK metrics.

use std::collections::BTreeSet;
use std::sync::Arc;

use trace_alerting::AlertRouter;
use trace_core::detect::DetectionStage;
use trace_core::metric::{InvalidInstrument, Meter};
use trace_core::model::KeyValue;
use trace_core::pipeline::{DestinationLedger, LedgerReader};

const TYPE: &str = "otel.component.type";
const NAME: &str = "otel.component.name";
const ERROR: &str = "error.type";

/// Registers the accounts of the pipeline. `metric_destinations` are the names of those that take data points.
pub(super) fn register_pipeline(
    meter: &Meter,
    ledger: &LedgerReader,
    metric_destinations: BTreeSet<String>,
) -> Result<(), InvalidInstrument> {
    let reader = ledger.clone();
    meter
        .observable_up_down_counter("otel.sdk.span.live")
        .unit("{span}")
        .description("Recorded spans that have not ended.")
        .observe(move |o| o.observe(reader.read().open, &[]))?;
    let reader = ledger.clone();
    meter
        .observable_counter("otel.sdk.span.started")
        .unit("{span}")
        .description("Sampled spans that were started.")
        .observe(move |o| {
            let l = reader.read();
            o.observe(
                l.received + l.open,
                &[KeyValue::new("otel.span.sampling_result", "RECORD_AND_SAMPLE")],
            );
        })?;
    let reader = ledger.clone();
    meter
        .observable_counter("otel.sdk.processor.span.processed")
        .unit("{span}")
        .description(
            "Spans that left the recorder: handed to the destinations, or lost for the reason given.",
        )
        .observe(move |o| {
            let l = reader.read();
            let who = [KeyValue::new(TYPE, "mplp_pipeline"), KeyValue::new(NAME, "mplp_pipeline/0")];
            o.observe(l.delivered, &who);
            for (reason, n) in l.dropped {
                let [kind, name] = who.clone();
                o.observe(n, &[kind, name, KeyValue::new(ERROR, reason)]);
            }
        })?;
    let is_metric = move |d: &DestinationLedger| metric_destinations.contains(&d.name);
    let is_metric = Arc::new(is_metric);
    for (name, unit, metrics) in [
        ("otel.sdk.exporter.span", "{span}", false),
        ("otel.sdk.exporter.metric_data_point", "{data_point}", true),
    ] {
        let (reader, select) = (ledger.clone(), is_metric.clone());
        meter
            .observable_counter(format!("{name}.exported"))
            .unit(unit)
            .description("Records that a destination took, or that were lost for the reason given.")
            .observe(move |o| {
                for d in reader.read().destinations.iter().filter(|d| select(d) == metrics) {
                    let [kind, name] = component(d);
                    for (reason, n) in &d.dropped {
                        o.observe(*n, &[kind.clone(), name.clone(), KeyValue::new(ERROR, *reason)]);
                    }
                    o.observe(d.delivered, &[kind, name]);
                }
            })?;
        let (reader, select) = (ledger.clone(), is_metric.clone());
        meter
            .observable_up_down_counter(format!("{name}.inflight"))
            .unit(unit)
            .description("Records that wait for a destination or are on their way.")
            .observe(move |o| {
                for d in reader.read().destinations.iter().filter(|d| select(d) == metrics) {
                    o.observe(d.pending, &component(d));
                }
            })?;
    }
    Ok(())
}

fn component(d: &DestinationLedger) -> [KeyValue; 2] {
    [KeyValue::new(TYPE, format!("mplp_{}", d.name)), KeyValue::new(NAME, format!("mplp_{}/0", d.name))]
}

/// Registers what became of notifications.
pub(super) fn register_alerting(meter: &Meter, router: &Arc<AlertRouter>) -> Result<(), InvalidInstrument> {
    let router = Arc::downgrade(router);
    meter
        .observable_counter("mplp.alert.notifications")
        .unit("{notification}")
        .description("Notifications by channel and outcome.")
        .observe(move |o| {
            let Some(router) = router.upgrade() else { return };
            for c in router.stats().channels {
                for (outcome, n) in [("delivered", c.delivered), ("failed", c.failed)] {
                    let channel = KeyValue::new("channel", c.name.clone());
                    o.observe(n, &[channel, KeyValue::new("outcome", outcome)]);
                }
            }
        })
}

/// Registers what detection did.
pub(super) fn register_detection(
    meter: &Meter,
    stage: &Arc<DetectionStage>,
) -> Result<(), InvalidInstrument> {
    let stage = Arc::downgrade(stage);
    meter
        .observable_counter("mplp.anomalies")
        .unit("{anomaly}")
        .description("Anomalies opened and resolved.")
        .observe(move |o| {
            let Some(stage) = stage.upgrade() else { return };
            let stats = stage.stats();
            o.observe(stats.opened, &[KeyValue::new("state", "opened")]);
            o.observe(stats.resolved, &[KeyValue::new("state", "resolved")]);
        })
}
