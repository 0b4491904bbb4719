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
use trace_exporters::otlp::{self, OtlpMetricExporter, OtlpSpanExporter};

use super::{BuildError, MetricDestination, Registry, SpanDestination};
use crate::config::{
    Compression, EmailConfig, Endpoint, OtlpConfig, RouteConfig, SlackConfig, SmtpTls, TraceConfig,
};

pub(super) fn register(registry: &mut Registry) {
    super::logs::register(registry);
    registry.span_exporter("otlp", |config| {
        let Some(otlp) = &config.opentelemetry.tracing.exporters.otlp else { return Ok(None) };
        span_destination("opentelemetry.tracing.exporters.otlp", otlp, config).map(Some)
    });
    registry.span_exporter("jaeger", |config| {
        let Some(jaeger) = &config.opentelemetry.tracing.exporters.jaeger else { return Ok(None) };
        let otlp = OtlpConfig::new(Endpoint::clone(&jaeger.endpoint));
        span_destination("opentelemetry.tracing.exporters.jaeger", &otlp, config).map(Some)
    });
    registry.span_exporter("console", |config| {
        Ok(config.opentelemetry.tracing.exporters.console.map(|_| SpanDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            config: DestinationConfig::default(),
        }))
    });
    registry.metric_exporter("otlp", |config| {
        let metrics = &config.opentelemetry.metrics;
        let Some(otlp) = &metrics.exporters.otlp else { return Ok(None) };
        let exporter = OtlpMetricExporter::new(&transport(&otlp.destination))
            .map_err(|e| BuildError::part("opentelemetry.metrics.exporters.otlp", e))?;
        let config = DestinationConfig {
            timeout: metrics.export_timeout.unwrap_or(otlp.destination.timeout),
            component: "otlp_http_metric_exporter",
            ..DestinationConfig::default()
        };
        Ok(Some(MetricDestination { exporter: Box::new(exporter), config, temporality: otlp.temporality }))
    });
    registry.metric_exporter("console", |config| {
        Ok(config.opentelemetry.metrics.exporters.console.map(|_| MetricDestination {
            exporter: Box::new(ConsoleExporter::stdout().colour_on_terminal()),
            config: DestinationConfig::default(),
            temporality: TemporalityPreference::Cumulative,
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

fn span_destination(
    path: &str,
    config: &OtlpConfig,
    whole: &TraceConfig,
) -> Result<SpanDestination, BuildError> {
    let exporter = OtlpSpanExporter::new(&transport(config)).map_err(|e| BuildError::part(path, e))?;
    let config = whole.opentelemetry.tracing.batch.apply_to(DestinationConfig {
        timeout: config.timeout,
        component: "otlp_http_span_exporter",
        ..DestinationConfig::default()
    });
    Ok(SpanDestination { exporter: Box::new(exporter), config })
}

pub(super) fn transport(config: &OtlpConfig) -> otlp::OtlpConfig {
    // 0 is without limit there.
    let timeout = if config.timeout == Duration::MAX { Duration::ZERO } else { config.timeout };
    let mut settings = otlp::OtlpConfig::default().timeout(timeout).compression(match config.compression {
        Compression::Gzip => otlp::Compression::Gzip,
        Compression::None => otlp::Compression::None,
    });
    settings.url = Some(config.endpoint.as_str().into());
    settings.tls.ca_certificate = config.ca_certificate.as_ref().map(Into::into);
    settings.tls.client_certificate = config.client_certificate.as_ref().map(Into::into);
    settings.tls.client_key = config.client_key.as_ref().map(Into::into);
    config.headers.iter().fold(settings, |settings, (name, value)| settings.header(name, value.expose()))
}
