//! Parts of the module that can be asked how they are.

use std::sync::Arc;

use trace_alerting::AlertRouter;
use trace_core::metric::MeterRegistry;
use trace_core::model::{Check, CheckStatus, ComponentHealth};
use trace_core::pipeline::LedgerReader;
use trace_core::sample::remote::RemoteSampler;
use trace_core::service::HealthCheck;
use trace_core::signal::Sampler as _;
use trace_exporters::otlp::Remarks;

use crate::error::ConfigWarning;

fn check(name: impl Into<String>, status: CheckStatus, message: String) -> Check {
    Check { name: name.into(), status, message }
}

/// `tracing`: warns of spans lost, and of destinations whose last attempt failed; tells what receivers remark.
pub(super) struct TracingHealth(pub(super) LedgerReader, pub(super) Said);

/// Destinations whose receivers may remark something beside a success.
pub(super) type Said = Vec<(String, Arc<Remarks>)>;

impl HealthCheck for TracingHealth {
    fn component(&self) -> &str {
        "tracing"
    }

    fn check(&self) -> ComponentHealth {
        let ledger = self.0.read();
        // Over the quota is what somebody asked for.
        let lost: u64 = ledger.dropped.iter().filter(|(why, _)| **why != "quota").map(|(_, n)| n).sum();
        let status = if lost > 0 { CheckStatus::Warn } else { CheckStatus::Pass };
        let mut checks =
            vec![check("recording", status, format!("{} spans recorded, {lost} lost", ledger.received))];
        if ledger.edits_dropped > 0 {
            let message =
                format!("{} attributes or events had no room and are missing", ledger.edits_dropped);
            checks.push(check("additions", CheckStatus::Warn, message));
        }
        let mut last_error = None;
        for d in &ledger.destinations {
            let lost = d.lost();
            let mut message = format!("{} delivered, {} pending, {lost} lost", d.delivered, d.pending);
            if d.held > 0 {
                message = format!("{message}, {} held on disk", d.held);
            }
            if let Some(error) = &d.last_error {
                message = format!("{message}; the last attempt failed: {error}");
                last_error = Some(format!("{}: {error}", d.name));
            }
            let bad = lost > 0 || d.last_error.is_some();
            checks.push(check(&d.name, if bad { CheckStatus::Warn } else { CheckStatus::Pass }, message));
        }
        for (name, remarks) in &self.1 {
            if let (times, Some(last)) = remarks.read() {
                let message = format!("took everything and remarked {times} times: {last}");
                checks.push(check(format!("{name}.remarks"), CheckStatus::Pass, message));
            }
        }
        let panics = self.0.processor_panics();
        if panics > 0 {
            checks.push(check("processors", CheckStatus::Warn, format!("panicked {panics} times")));
        }
        ComponentHealth::from_checks(checks, ledger.lost(), last_error)
    }
}

/// `metrics`: warns of callbacks that panicked.
pub(super) struct MetricsHealth(pub(super) MeterRegistry);

impl HealthCheck for MetricsHealth {
    fn component(&self) -> &str {
        "metrics"
    }

    fn check(&self) -> ComponentHealth {
        let (rejected, panics) = (self.0.rejected(), self.0.callback_panics());
        let status = if panics > 0 { CheckStatus::Warn } else { CheckStatus::Pass };
        let message = format!("{rejected} measurements refused, {panics} callbacks panicked");
        ComponentHealth::from_checks(vec![check("instruments", status, message)], rejected, None)
    }
}

/// `sampling`: warns if the backend that steers it gives no usable answer.
pub(super) struct SamplingHealth(pub(super) RemoteSampler);

impl HealthCheck for SamplingHealth {
    fn component(&self) -> &str {
        "sampling"
    }

    fn check(&self) -> ComponentHealth {
        let status = self.0.status();
        let (level, message) = match &status.last_error {
            Some(error) => (CheckStatus::Warn, format!("{} failures in a row: {error}", status.failures)),
            None => (CheckStatus::Pass, format!("{}, asked {} times", self.0.description(), status.polls)),
        };
        ComponentHealth::from_checks(vec![check("jaeger_remote", level, message)], 0, status.last_error)
    }
}

/// `alerting`.
pub(super) struct AlertingHealth(pub(super) Arc<AlertRouter>);

impl HealthCheck for AlertingHealth {
    fn component(&self) -> &str {
        "alerting"
    }

    fn check(&self) -> ComponentHealth {
        self.0.health()
    }
}

/// A part that the configuration has turned off: nothing to complain about.
pub(super) struct Off(pub(super) &'static str);

impl HealthCheck for Off {
    fn component(&self) -> &str {
        self.0
    }

    fn check(&self) -> ComponentHealth {
        let off = check("enabled", CheckStatus::Pass, "turned off by the configuration".to_owned());
        ComponentHealth::from_checks(vec![off], 0, None)
    }
}

/// `configuration`: what was asked for and does not happen.
pub(super) struct ConfigurationHealth(pub(super) Vec<ConfigWarning>);

impl HealthCheck for ConfigurationHealth {
    fn component(&self) -> &str {
        "configuration"
    }

    fn check(&self) -> ComponentHealth {
        let warnings = self.0.iter().map(|w| check(&w.path, CheckStatus::Warn, w.message.clone()));
        ComponentHealth::from_checks(warnings.collect(), 0, None)
    }
}
