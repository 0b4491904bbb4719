//! An anomaly as an alert.

use trace_core::model::{Alert, AlertKind, AlertStatus, Anomaly, AnomalyState};

/// The alert that tells of an anomaly: firing while it is open, resolved when it is over. The same series and kind
/// give the same fingerprint, so that raising it for every observation is one notification.
///
/// Labels: `anomaly` (the kind), and `service` and `operation` from a series such as `checkout/POST /orders`.
/// Annotations: `reason`, `detector`, `confidence`. The value is the observed one of the feature that moved most.
pub fn anomaly_alert(anomaly: &Anomaly) -> Alert {
    let (service, operation) = anomaly.series.split_once('/').unwrap_or((&anomaly.series, ""));
    let message = match anomaly.state {
        AnomalyState::Resolved { .. } => format!("{} is back to normal", anomaly.series),
        AnomalyState::Open | AnomalyState::Acknowledged => format!("{}: {}", anomaly.series, anomaly.reason),
    };
    let mut alert = Alert::new(AlertKind::AnomalyDetected, anomaly.severity, message, anomaly.window.start)
        .label("anomaly", anomaly.kind.as_str())
        .label("service", service)
        .annotation("reason", &anomaly.reason)
        .annotation("detector", &anomaly.detector)
        .annotation("confidence", format!("{:.2}", anomaly.confidence));
    if !operation.is_empty() {
        alert = alert.label("operation", operation);
    }
    alert.tenant = anomaly.tenant.clone();
    alert.anomaly = Some(anomaly.id);
    alert.trace = anomaly.exemplar;
    if anomaly.state.is_resolved() {
        alert.status = AlertStatus::Resolved;
    }
    if let Some(most) = anomaly.affected.first() {
        alert.value = Some(most.observed);
        alert.threshold = most.band.map(|(below, above)| if most.observed < below { below } else { above });
    }
    alert
}

#[cfg(test)]
mod tests {
    use trace_core::model::{
        AffectedMetric, AnomalyId, AnomalyKind, Severity, TenantId, TimeRange, Timestamp,
    };

    use super::*;

    fn anomaly(state: AnomalyState) -> Anomaly {
        let start = Timestamp::from_unix_secs(60);
        Anomaly {
            id: AnomalyId(uuid::Uuid::nil()),
            tenant: TenantId::default(),
            detected_at: start,
            window: TimeRange { start, end: start },
            kind: AnomalyKind::PerformanceDegradation,
            severity: Severity::High,
            score: 0.9,
            confidence: 0.934,
            detector: "forest".into(),
            series: "checkout/POST /orders".into(),
            affected: vec![AffectedMetric {
                name: "duration_ms".into(),
                expected: Some(110.0),
                band: Some((80.0, 150.0)),
                observed: 820.0,
                deviation_percent: Some(645.0),
                contribution: 0.91,
            }],
            reason: "duration_ms is 820, normal is 80 to 150".into(),
            exemplar: None,
            state,
        }
    }

    #[test]
    fn an_open_anomaly_fires_and_its_end_resolves_the_same_alert() {
        let firing = anomaly_alert(&anomaly(AnomalyState::Open));
        assert_eq!(firing.message, "checkout/POST /orders: duration_ms is 820, normal is 80 to 150");
        assert_eq!(
            (firing.labels["service"].as_str(), firing.labels["operation"].as_str()),
            ("checkout", "POST /orders")
        );
        assert_eq!((firing.value, firing.threshold), (Some(820.0), Some(150.0)));
        let over = anomaly_alert(&anomaly(AnomalyState::Resolved { at: Timestamp::from_unix_secs(90) }));
        assert_eq!((over.status, over.fingerprint()), (AlertStatus::Resolved, firing.fingerprint()));
    }
}
