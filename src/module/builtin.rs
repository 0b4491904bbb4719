//! The kinds that every registry begins with.

use std::sync::Arc;
use std::time::Duration;

use trace_alerting::channel::console::ConsoleNotifier;
use trace_alerting::channel::email::{self, EmailNotifier};
use trace_alerting::channel::slack::{self, SlackNotifier};
use trace_anomaly::{AnomalyConfig, EnsembleDetector};
use trace_core::metric::TemporalityPreference;
use trace_core::pipeline::DestinationConfig;
use trace_core::signal::{Detector, Notifier};
use trace_exporters::console::ConsoleExporter;

use super::{
    BuildError, LogDestination, MetricDestination, Registry, SpanDestination, log_exporters,
    metric_exporters, span_exporters,
};
use crate::config::{EmailConfig, RouteConfig, SlackConfig, SmtpTls, TraceConfig};

pub(super) fn register(registry: &mut Registry) {
    for kind in span_exporters::KINDS {
        registry.span_parts(*kind, |config| {
            let of_kind = span_exporters::configured(config).filter(|(name, _)| kind_of(name) == *kind);
            of_kind.map(|(name, exporter)| span_exporters::build(&name, &exporter, config)).collect()
        });
    }
    registry.span_exporter("console", |config| {
        Ok(config.opentelemetry.tracing.exporters.console.map(|_| SpanDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            config: DestinationConfig::default(),
        }))
    });
    for kind in metric_exporters::KINDS {
        registry.metric_parts(*kind, |config| {
            let of_kind = metric_exporters::configured(config).filter(|(name, _)| kind_of(name) == *kind);
            of_kind.map(|(name, exporter)| metric_exporters::build(&name, &exporter, config)).collect()
        });
    }
    registry.metric_exporter("console", |config| {
        Ok(config.opentelemetry.metrics.exporters.console.map(|_| MetricDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            config: DestinationConfig::default(),
            temporality: TemporalityPreference::Cumulative,
        }))
    });
    for kind in log_exporters::KINDS {
        registry.log_parts(*kind, |config| {
            let of_kind = log_exporters::configured(config).filter(|(name, _)| kind_of(name) == *kind);
            of_kind.map(|(name, exporter)| log_exporters::build(&name, &exporter, config)).collect()
        });
    }
    registry.log_exporter("console", |config| {
        Ok(config.opentelemetry.logs.exporters.console.map(|_| LogDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            // Who reads along does not want to wait.
            config: DestinationConfig { max_delay: Duration::ZERO, ..DestinationConfig::default() },
        }))
    });
    registry.notifier("slack", |config| {
        let Some(slack) = &config.alerting.notifications.slack else { return Ok(Vec::new()) };
        channels(
            config,
            |route| Ok(vec![Arc::new(SlackNotifier::new(&slack_channel(slack, route))?) as _]),
            |r| r.slack_channel.is_some(),
        )
    });
    registry.notifier("email", |config| {
        let Some(email) = &config.alerting.notifications.email else { return Ok(Vec::new()) };
        channels(config, |route| mail_channels(email, route), |r| !r.to_addresses.is_empty())
    });
    registry.notifier("console", |config| {
        let console = config.alerting.notifications.console;
        Ok(console.map(|_| Arc::new(ConsoleNotifier::stdout()) as _).into_iter().collect())
    });
    registry.detector("isolation_forest", |config| {
        let model = &config.anomaly_detection.ai_model;
        let settings = AnomalyConfig {
            confidence_threshold: model.confidence_threshold,
            false_alarm_rate: model.false_alarm_rate,
            ..AnomalyConfig::default()
        };
        EnsembleDetector::new(settings)
            .map(|detector| Box::new(detector) as Box<dyn Detector>)
            .map_err(|e| BuildError::part("anomalyDetection.aiModel", e))
    });
}

/// The kind of a destination: its name up to a `/`.
pub(super) fn kind_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// The name of a channel as a route of its own uses it, such as `email-2` for the second route.
pub(super) fn name_for(kind: &str, route: Option<usize>) -> String {
    route.map_or_else(|| kind.to_owned(), |n| format!("{kind}-{}", n + 1))
}

type Notifiers = Vec<Arc<dyn Notifier>>;

/// The channel itself, and one more for every route with settings of its own.
fn channels(
    config: &TraceConfig,
    build: impl Fn(Option<(usize, &RouteConfig)>) -> Result<Notifiers, trace_alerting::ConfigError>,
    differs: impl Fn(&RouteConfig) -> bool,
) -> Result<Notifiers, BuildError> {
    let mut all = build(None)?;
    for (n, route) in config.alerting.routes.iter().enumerate().filter(|(_, r)| differs(r)) {
        all.extend(build(Some((n, route)))?);
    }
    Ok(all)
}

fn slack_channel(config: &SlackConfig, route: Option<(usize, &RouteConfig)>) -> slack::SlackConfig {
    let mut settings = slack::SlackConfig::new(config.webhook_url.expose());
    settings.channel = route.and_then(|(_, r)| r.slack_channel.clone()).or_else(|| config.channel.clone());
    settings.name = name_for("slack", route.map(|(n, _)| n));
    settings
}

fn mail_channels(
    config: &EmailConfig,
    route: Option<(usize, &RouteConfig)>,
) -> Result<Notifiers, trace_alerting::ConfigError> {
    let to = route.map_or(&config.to_addresses, |(_, r)| &r.to_addresses);
    if to.is_empty() {
        // Only routes name recipients.
        return Ok(Vec::new());
    }
    let to = to.iter().map(|address| address.as_str());
    let mut settings =
        email::EmailConfig::new(config.smtp_server.to_string(), config.from_address.as_str(), to);
    settings.name = name_for("email", route.map(|(n, _)| n));
    settings.username.clone_from(&config.username);
    settings.password = config.password.as_ref().map(|p| p.expose().to_owned().into());
    settings.tls = Some(match config.tls {
        SmtpTls::Starttls => email::EmailTls::Starttls,
        SmtpTls::Implicit => email::EmailTls::Implicit,
        SmtpTls::None => email::EmailTls::None,
    });
    Ok(EmailNotifier::for_recipients(&settings)?.into_iter().map(|n| Arc::new(n) as _).collect())
}
