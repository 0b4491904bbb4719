//! The figures of alerting and detection as metrics. Those of the pipeline come from the pipeline itself.

use std::sync::Arc;

use trace_alerting::AlertRouter;
use trace_core::detect::DetectionStage;
use trace_core::metric::{InvalidInstrument, Meter};
use trace_core::model::KeyValue;

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
