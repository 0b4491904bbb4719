//! How an anomaly is told.

use super::SeriesName;
use crate::model::{Alert, AlertKind, AlertStatus, Anomaly, AnomalyState};

/// The alert of an anomaly. Labels are the service and the operation, so a series has one alert at a time; it is
/// resolved by the alert of the resolved anomaly.
pub(super) fn alert_of(anomaly: &Anomaly, name: SeriesName<'_>) -> Alert {
    let mut alert =
        Alert::new(AlertKind::AnomalyDetected, anomaly.severity, anomaly.reason.clone(), anomaly.detected_at)
            .label("service", name.service)
            .label("operation", name.operation)
            .annotation("reason", anomaly.reason.clone())
            .annotation("kind", anomaly.kind.as_str())
            .annotation("detector", anomaly.detector.clone());
    alert.tenant = anomaly.tenant.clone();
    alert.anomaly = Some(anomaly.id);
    alert.trace = anomaly.exemplar;
    if let Some(exemplar) = anomaly.exemplar {
        alert = alert.annotation("exemplar", exemplar.trace_id.to_string());
    }
    if let Some(main) = anomaly.affected.first() {
        alert.value = Some(main.observed);
        alert.threshold = main.band.map(|b| b.1);
    }
    if let AnomalyState::Resolved { at } = anomaly.state {
        alert.status = AlertStatus::Resolved;
        alert = alert.annotation("resolved_at", at.to_string());
    }
    alert
}
