//! From `opentelemetry.tracing.sampling` to samplers.

use std::sync::{Mutex, PoisonError};

use trace_core::sample::remote::{Polling, RemoteConfig, RemotePoller, RemoteSampler};
use trace_core::sample::tail::{AnomalousTraces, TailConfig, TailSampler};
use trace_core::sample::{
    Adaptive, AlwaysOff, AlwaysOn, AlwaysRecord, Composite, ParentBased, ParentThreshold, ProbabilitySampler,
    RateLimiting, RatioSampler, Threshold, TraceIdRatioBased,
};
use trace_core::signal::Sampler;
use trace_exporters::jaeger_remote;

use super::BuildError;
use crate::config::{HeadConfig, OpenTelemetryConfig, RuleConfig, TailSamplingConfig};

const HEAD: &str = "opentelemetry.tracing.sampling.head";
const TAIL: &str = "opentelemetry.tracing.sampling.tail";

/// The sampler that is asked when a trace begins, and what belongs to it.
pub(super) struct Head {
    pub(super) sampler: Box<dyn Sampler>,
    /// Has to be told of spans that ended.
    pub(super) adaptive: Option<Adaptive>,
    pub(super) remote: Option<Remote>,
    /// The threshold of sampled traces that carry none; `None` if it is unknown.
    pub(super) unmarked: Option<Threshold>,
}

/// A sampler that a backend steers, until it is stopped.
pub(super) struct Remote {
    pub(super) sampler: RemoteSampler,
    polling: Mutex<Option<Polling>>,
}

impl Remote {
    /// Asks no more.
    pub(super) fn stop(&self) {
        drop(self.polling.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Head {
    pub(super) fn build(otel: &OpenTelemetryConfig) -> Result<Self, BuildError> {
        let tracing = &otel.tracing;
        let sampling = &tracing.sampling;
        let (mut adaptive, mut remote, mut unmarked) = (None, None, None);
        let failed = |e: &dyn std::error::Error| BuildError::message(HEAD, e.to_string());
        let root: Box<dyn Sampler> = match &sampling.head {
            None => {
                let rate = tracing.sampling_rate;
                let sampler = RatioSampler::new(rate)
                    .map_err(|e| BuildError::part("opentelemetry.tracing.samplingRate", e))?;
                // It compares the same bits.
                unmarked = Threshold::from_probability(rate).ok();
                Box::new(sampler)
            }
            Some(HeadConfig::AlwaysOn) => {
                unmarked = Some(Threshold::ALWAYS);
                Box::new(AlwaysOn)
            }
            Some(HeadConfig::AlwaysOff) => Box::new(AlwaysOff),
            Some(HeadConfig::TraceIdRatio { probability }) => {
                unmarked = Threshold::from_probability(*probability).ok();
                Box::new(TraceIdRatioBased::new(*probability))
            }
            Some(HeadConfig::Probability { probability }) if *probability == 0.0 => Box::new(AlwaysOff),
            Some(HeadConfig::Probability { probability }) => {
                Box::new(ProbabilitySampler::new(*probability).map_err(|e| failed(&e))?)
            }
            Some(HeadConfig::RateLimiting { traces_per_second }) => {
                Box::new(RateLimiting::new(*traces_per_second).map_err(|e| failed(&e))?)
            }
            Some(HeadConfig::Adaptive(config)) => {
                let sampler = config.build().map_err(|e| failed(&e))?;
                adaptive = Some(sampler.clone());
                Box::new(sampler)
            }
            Some(HeadConfig::Rules { rules }) => {
                let rules = RuleConfig::build_all(rules).map_err(|e| failed(&e))?;
                // It follows parents in a way of its own, by their thresholds.
                let sampler: Box<dyn Sampler> = match sampling.parent_based {
                    true => Box::new(Composite::new(ParentThreshold::new(rules))),
                    false => Box::new(Composite::new(rules)),
                };
                let sampler = recording(sampler, sampling.record_all);
                return Ok(Self { sampler, adaptive, remote, unmarked });
            }
            Some(HeadConfig::JaegerRemote(config)) => {
                let settings = RemoteConfig {
                    interval: config.polling_interval,
                    initial_probability: config.initial_probability,
                    ..RemoteConfig::new(otel.service.name.clone())
                };
                let (sampler, poller) = RemoteSampler::new(settings).map_err(|e| failed(&e))?;
                let polling = match tracing.enabled {
                    true => Some(poll(poller, config.endpoint.as_str())?),
                    false => None,
                };
                remote = Some(Remote { sampler: sampler.clone(), polling: Mutex::new(polling) });
                Box::new(sampler)
            }
        };
        let sampler = match sampling.parent_based {
            true => Box::new(ParentBased::new(root)) as Box<dyn Sampler>,
            false => root,
        };
        Ok(Self { sampler: recording(sampler, sampling.record_all), adaptive, remote, unmarked })
    }
}

fn recording(sampler: Box<dyn Sampler>, all: bool) -> Box<dyn Sampler> {
    if all { Box::new(AlwaysRecord::new(sampler)) } else { sampler }
}

fn poll(poller: RemotePoller, endpoint: &str) -> Result<Polling, BuildError> {
    let source =
        jaeger_remote::source(endpoint).map_err(|e| BuildError::part(format!("{HEAD}.endpoint"), e))?;
    Ok(poller.spawn(source)?)
}

/// The sampler that is asked when a trace is over.
pub(super) fn tail(
    config: &TailSamplingConfig,
    unmarked: Option<Threshold>,
    marks: &AnomalousTraces,
) -> Result<TailSampler, BuildError> {
    let mut settings = TailConfig {
        decision_wait: config.decision_wait,
        root_wait: config.root_wait,
        max_spans: config.max_spans,
        max_bytes: config.max_bytes,
        decisions: config.decisions,
        promote: config.promote,
        unmarked,
        ..TailConfig::new()
    };
    for (n, named) in config.policies.iter().enumerate() {
        let policy = named.policy.build(marks);
        let policy =
            policy.map_err(|e| BuildError::message(format!("{TAIL}.policies[{n}]"), e.to_string()))?;
        settings = settings.policy(named.name.clone(), policy);
    }
    Ok(TailSampler::new(settings))
}
