//! What is on, in a few lines.

use mplp_trace::TraceModule;
use mplp_trace::config::{HeadConfig, TracingConfig};
use mplp_trace::server::Server;

/// One line a feature, with what is really on.
pub(super) fn lines(module: &TraceModule, server: &Server) -> Vec<String> {
    let config = module.config();
    let otel = &config.opentelemetry;
    let mut lines = vec![format!("  page               {}/", server.url())];
    lines.push(if otel.tracing.enabled {
        let share = sampled(&otel.tracing);
        let of_spans = |name: &String| !["_metrics", "_logs"].iter().any(|end| name.ends_with(end));
        let to = module.ledger().destinations.into_iter().map(|d| d.name).filter(of_spans);
        let to = to.collect::<Vec<_>>().join(", ");
        format!("  tracing            {share}, to {to}")
    } else {
        "  tracing            off".to_owned()
    });
    lines.push(if otel.metrics.enabled {
        let mut to = vec![format!("{}/metrics", server.url())];
        to.extend(server.prometheus_url());
        to.extend(
            otel.metrics.exporters.otlp.as_ref().map(|o| format!("OTLP at {}", o.destination.endpoint)),
        );
        let others = otel.metrics.exporters.destinations.iter();
        to.extend(others.map(|d| format!("{} at {}", d.name, d.config.address())));
        format!("  metrics            {}", to.join(", "))
    } else {
        "  metrics            off".to_owned()
    });
    let logs = &otel.logs.exporters;
    let mut to = Vec::new();
    to.extend(logs.console.as_ref().map(|_| "console".to_owned()));
    to.extend(logs.otlp.as_ref().map(|o| format!("OTLP at {}", o.endpoint)));
    to.extend(logs.destinations.iter().map(|d| format!("{} at {}", d.name, d.config.address())));
    if otel.logs.enabled && !to.is_empty() {
        lines.push(format!("  logs               {}", to.join(", ")));
    }
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

/// Which traces are exported, in a few words.
fn sampled(tracing: &TracingConfig) -> String {
    let share = |rate: f64| format!("{} % of new traces", rate * 100.0);
    let head = match &tracing.sampling.head {
        None => share(tracing.sampling_rate),
        Some(HeadConfig::AlwaysOn) => share(1.0),
        Some(HeadConfig::AlwaysOff) => share(0.0),
        Some(HeadConfig::TraceIdRatio { probability } | HeadConfig::Probability { probability }) => {
            share(*probability)
        }
        Some(HeadConfig::RateLimiting { traces_per_second }) => {
            format!("{traces_per_second} traces a second")
        }
        Some(HeadConfig::Adaptive(adaptive)) => format!("about {} spans a second", adaptive.spans_per_second),
        Some(HeadConfig::Rules { rules }) => format!("by {} rules", rules.len()),
        Some(HeadConfig::JaegerRemote(remote)) => format!("as {} says", remote.endpoint),
        Some(_) => "a share of new traces".to_owned(),
    };
    match &tracing.sampling.tail {
        Some(tail) => format!("{head}, of these what {} policies keep", tail.policies.len()),
        None => head,
    }
}
