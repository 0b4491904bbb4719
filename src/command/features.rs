//! What is on, in a few lines.

use mplp_trace::TraceModule;
use mplp_trace::server::Server;

/// One line a feature, with what is really on.
pub(super) fn lines(module: &TraceModule, server: &Server) -> Vec<String> {
    let config = module.config();
    let otel = &config.opentelemetry;
    let mut lines = vec![format!("  page               {}/", server.url())];
    lines.push(if otel.tracing.enabled {
        let share = otel.tracing.sampling_rate * 100.0;
        let to =
            module.ledger().destinations.into_iter().map(|d| d.name).filter(|n| !n.ends_with("_metrics"));
        let to = to.collect::<Vec<_>>().join(", ");
        format!("  tracing            {share} % of new traces, to {to}")
    } else {
        "  tracing            off".to_owned()
    });
    lines.push(if otel.metrics.enabled {
        let mut to = vec![format!("{}/metrics", server.url())];
        to.extend(server.prometheus_url());
        to.extend(
            otel.metrics.exporters.otlp.as_ref().map(|o| format!("OTLP at {}", o.destination.endpoint)),
        );
        format!("  metrics            {}", to.join(", "))
    } else {
        "  metrics            off".to_owned()
    });
    lines.push(match module.detection() {
        Some(_) => format!(
            "  anomaly detection  isolation_forest, from confidence {}",
            config.anomaly_detection.ai_model.confidence_threshold
        ),
        None => "  anomaly detection  off".to_owned(),
    });
    lines.push(match module.alerts() {
        Some(alerts) => {
            let channels = alerts.stats().channels.into_iter().map(|c| c.name).collect::<Vec<_>>();
            match channels.is_empty() {
                true => "  alerts             on, but no channel tells anybody".to_owned(),
                false => format!("  alerts             to {}", channels.join(", ")),
            }
        }
        None => "  alerts             off".to_owned(),
    });
    lines
}
