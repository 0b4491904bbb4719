//! The sampler of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::remote::{RemoteConfig, RemotePoller, RemoteSampler};
use super::{AlwaysOff, AlwaysOn, ParentBased, ProbabilitySampler, TraceIdRatioBased};
use crate::signal::Sampler;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Where a Jaeger collector answers by default.
const JAEGER: &str = "http://localhost:5778/sampling";

/// What the environment says about sampling, as plain data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SamplerSetting {
    /// Whether children follow their parent.
    pub parent_based: bool,
    /// Which sampler decides; `None` if the name is unknown, and then the caller's own default holds.
    pub root: Option<RootSetting>,
    /// What was wrong, and what holds instead.
    pub warnings: Vec<String>,
}

/// A sampler that `OTEL_TRACES_SAMPLER` can name, without its `parentbased_`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RootSetting {
    /// `always_on`.
    AlwaysOn,
    /// `always_off`.
    AlwaysOff,
    /// `traceidratio`: [`TraceIdRatioBased`] of this ratio, 0 to 1.
    TraceIdRatio(f64),
    /// `probability`: [`ProbabilitySampler`] of this share, 0 to 1; 0 keeps nothing.
    Probability(f64),
    /// `jaeger_remote`.
    JaegerRemote(JaegerSetting),
}

/// `endpoint=...,pollingIntervalMs=...,initialSamplingRate=...`. Debug does not show the endpoint, which may hold a key.
#[derive(Clone, PartialEq)]
pub struct JaegerSetting {
    /// Where to ask; `http://localhost:5778/sampling` by default.
    pub endpoint: String,
    /// How often; every 5 minutes by default, as the OpenTelemetry specification has it for this variable.
    pub interval: Duration,
    /// The probability until the first answer, 0 to 1; 0.001 by default.
    pub initial_probability: f64,
}

impl fmt::Debug for JaegerSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerSetting")
            .field("interval", &self.interval)
            .field("initial_probability", &self.initial_probability)
            .finish_non_exhaustive()
    }
}

impl Default for JaegerSetting {
    fn default() -> Self {
        Self {
            endpoint: JAEGER.to_owned(),
            interval: Duration::from_secs(300),
            initial_probability: RemoteConfig::new("").initial_probability,
        }
    }
}

/// The sampler of the environment.
#[non_exhaustive]
pub struct EnvSampler {
    /// The sampler.
    pub sampler: Box<dyn Sampler>,
    /// For `jaeger_remote`: where to ask, and what asks. Until it is spawned with a source, the sampler keeps its initial
    /// rate.
    pub remote: Option<(String, RemotePoller)>,
    /// What was wrong, and what holds instead.
    pub warnings: Vec<String>,
}

impl fmt::Debug for EnvSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvSampler")
            .field("sampler", &self.sampler.description())
            .field("remote", &self.remote.is_some())
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// The sampler that [`SamplerSetting::read`] finds; `parentbased_always_on` for an unknown name.
pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Option<EnvSampler> {
    SamplerSetting::read(lookup).map(SamplerSetting::build)
}

impl SamplerSetting {
    /// Reads the variables, which `lookup` finds. `None` if no sampler is named: then the caller's own default holds.
    ///
    /// Names are those of the OpenTelemetry specification in any case: `always_on`, `always_off`, `traceidratio`,
    /// `jaeger_remote`, each also with `parentbased_`; and `probability`, which is [`ProbabilitySampler`]. An unknown
    /// name is ignored with a warning, an unusable argument too: a ratio is 1 then.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let name = get(SAMPLER)?.to_ascii_lowercase();
        let argument = get(ARGUMENT);
        let argument = argument.as_deref();
        let mut warnings = Vec::new();
        let (parent_based, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name.as_str()),
        };
        let root = match root {
            "always_on" => Some(RootSetting::AlwaysOn),
            "always_off" => Some(RootSetting::AlwaysOff),
            "traceidratio" => Some(RootSetting::TraceIdRatio(ratio(argument, &mut warnings))),
            "probability" => Some(RootSetting::Probability(ratio(argument, &mut warnings))),
            "jaeger_remote" => Some(RootSetting::JaegerRemote(jaeger(argument.unwrap_or(""), &mut warnings))),
            _ => {
                let name: String = name.chars().take(SHOWN).collect();
                warnings.push(format!(
                    "{SAMPLER}={name} is not known here and is ignored; write always_on, always_off, traceidratio, \
                     probability or jaeger_remote, or one of them after parentbased_"
                ));
                None
            }
        };
        Some(Self { parent_based, root, warnings })
    }

    fn build(self) -> EnvSampler {
        let mut remote = None;
        let root: Box<dyn Sampler> = match self.root {
            None => {
                let sampler = Box::new(ParentBased::new(AlwaysOn));
                return EnvSampler { sampler, remote, warnings: self.warnings };
            }
            Some(RootSetting::AlwaysOn) => Box::new(AlwaysOn),
            Some(RootSetting::AlwaysOff) => Box::new(AlwaysOff),
            Some(RootSetting::TraceIdRatio(ratio)) => Box::new(TraceIdRatioBased::new(ratio)),
            // Only 0 is refused of what a setting can hold.
            Some(RootSetting::Probability(share)) => match ProbabilitySampler::new(share) {
                Ok(sampler) => Box::new(sampler),
                Err(_) => Box::new(AlwaysOff),
            },
            Some(RootSetting::JaegerRemote(jaeger)) => {
                let config = RemoteConfig {
                    interval: jaeger.interval,
                    initial_probability: jaeger.initial_probability,
                    ..RemoteConfig::new("unknown_service")
                };
                match RemoteSampler::new(config) {
                    Ok((sampler, poller)) => {
                        remote = Some((jaeger.endpoint, poller));
                        Box::new(sampler)
                    }
                    Err(_) => Box::new(AlwaysOn),
                }
            }
        };
        let sampler = if self.parent_based { Box::new(ParentBased::new(root)) } else { root };
        EnvSampler { sampler, remote, warnings: self.warnings }
    }
}

/// What is shown of a name.
const SHOWN: usize = 64;

fn ratio(argument: Option<&str>, warnings: &mut Vec<String>) -> f64 {
    let Some(argument) = argument else { return 1.0 };
    match argument.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            let shown: String = argument.chars().take(SHOWN).collect();
            warnings.push(format!("{ARGUMENT}={shown} is not a ratio from 0 to 1; 1 is used"));
            1.0
        }
    }
}

fn jaeger(argument: &str, warnings: &mut Vec<String>) -> JaegerSetting {
    let mut pairs: HashMap<&str, &str> = HashMap::new();
    for pair in argument.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        match pair.split_once('=') {
            Some((key @ ("endpoint" | "pollingIntervalMs" | "initialSamplingRate"), value)) => {
                pairs.insert(key, value.trim());
            }
            // The value is not shown: it may be an address with a password.
            other => warnings.push(format!(
                "{ARGUMENT}: {:?} is none of endpoint, pollingIntervalMs and initialSamplingRate, and is ignored",
                other.map_or("a part without `=`", |(key, _)| key)
            )),
        }
    }
    let mut setting = JaegerSetting::default();
    if let Some(ms) = pairs.get("pollingIntervalMs") {
        match ms.parse() {
            Ok(ms) if ms > 0 => setting.interval = Duration::from_millis(ms),
            _ => warnings
                .push(format!("{ARGUMENT}: pollingIntervalMs={ms} is not a number above 0; 300000 is used")),
        }
    }
    if let Some(rate) = pairs.get("initialSamplingRate") {
        match rate.parse() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => setting.initial_probability = rate,
            _ => warnings
                .push(format!("{ARGUMENT}: initialSamplingRate={rate} is not from 0 to 1; 0.001 is used")),
        }
    }
    if let Some(endpoint) = pairs.get("endpoint") {
        setting.endpoint = (*endpoint).to_owned();
    }
    setting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, argument: &str) -> Option<EnvSampler> {
        from_env(|key| match key {
            SAMPLER => Some(name.to_owned()),
            ARGUMENT => Some(argument.to_owned()),
            other => panic!("{other} is not asked for"),
        })
    }

    fn description(name: &str, argument: &str) -> String {
        let env = read(name, argument).unwrap();
        assert_eq!(env.warnings, Vec::<String>::new());
        env.sampler.description()
    }

    #[test]
    fn every_name_gives_its_sampler() {
        assert_eq!(description("always_on", ""), "AlwaysOnSampler");
        assert_eq!(description("ALWAYS_OFF", "0.5"), "AlwaysOffSampler");
        assert_eq!(description("traceidratio", "0.25"), "TraceIdRatioBased{0.250000}");
        assert_eq!(description("traceidratio", ""), "TraceIdRatioBased{1.000000}");
        assert_eq!(description("probability", " 0.25 "), "ProbabilitySampler{0.25}");
        assert_eq!(description("probability", "0"), "AlwaysOffSampler");
        assert_eq!(description("jaeger_remote", ""), "JaegerRemoteSampler{initial}");
        for root in ["always_on", "always_off", "traceidratio", "probability", "jaeger_remote"] {
            let expected = format!("ParentBased{{root={},", description(root, ""));
            assert!(description(&format!("parentbased_{root}"), "").starts_with(&expected));
        }
        assert!(read("", "1").is_none() && from_env(|_| None).is_none());
    }

    #[test]
    fn what_is_wrong_is_ignored_with_a_warning() {
        let env = read("xray", "").unwrap();
        assert!(env.sampler.description().starts_with("ParentBased{root=AlwaysOnSampler"));
        assert!(env.warnings[0].contains("OTEL_TRACES_SAMPLER=xray is not known"), "{env:?}");
        for bad in ["-1", "1.5", "NaN", "half"] {
            let env = read("traceidratio", bad).unwrap();
            assert_eq!(env.sampler.description(), "TraceIdRatioBased{1.000000}");
            assert!(env.warnings[0].contains(bad), "{env:?}");
        }
    }

    #[test]
    fn jaegers_argument_is_read_and_secrets_in_it_are_not_shown() {
        let env = read(
            "parentbased_jaeger_remote",
            "endpoint=http://jaeger:5778/sampling?a=b,pollingIntervalMs=5000,initialSamplingRate=0.25",
        );
        let (endpoint, poller) = env.unwrap().remote.unwrap();
        assert_eq!(endpoint, "http://jaeger:5778/sampling?a=b");
        let shown = format!("{poller:?}");
        assert!(shown.contains("interval: 5s") && shown.contains("initial_probability: 0.25"), "{shown}");
        let env =
            read("jaeger_remote", "endpont=http://u:secret@h,pollingIntervalMs=-1,initialSamplingRate=2,x")
                .unwrap();
        assert_eq!(env.warnings.len(), 4);
        assert!(!format!("{env:?}").contains("secret"));
        assert_eq!(env.remote.unwrap().0, JAEGER);
    }
}
