//! The sampler of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use std::collections::HashMap;
use std::time::Duration;

use super::remote::{RemoteConfig, RemotePoller, RemoteSampler};
use super::{AlwaysOff, AlwaysOn, ParentBased, ProbabilitySampler, TraceIdRatioBased};
use crate::signal::Sampler;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Where a Jaeger collector answers by default.
const JAEGER: &str = "http://localhost:5778/sampling";

/// What the environment says about sampling.
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

impl std::fmt::Debug for EnvSampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvSampler")
            .field("sampler", &self.sampler.description())
            .field("remote", &self.remote.is_some())
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// Reads the sampler from variables, which `lookup` finds. `None` if none is named: then the caller's own default holds.
///
/// Names are those of the OpenTelemetry specification in any case: `always_on`, `always_off`, `traceidratio`,
/// `jaeger_remote`, each also with `parentbased_`; and `probability`, which is [`ProbabilitySampler`]. An unknown name
/// is ignored with a warning, an unusable argument too: a ratio is 1 then.
pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Option<EnvSampler> {
    let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    let name = get(SAMPLER)?.to_ascii_lowercase();
    let argument = get(ARGUMENT);
    let mut warnings = Vec::new();
    let mut remote = None;
    let (parent_based, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let root: Box<dyn Sampler> = match root {
        "always_on" => Box::new(AlwaysOn),
        "always_off" => Box::new(AlwaysOff),
        "traceidratio" => Box::new(TraceIdRatioBased::new(ratio(argument.as_deref(), &mut warnings))),
        "probability" => match ratio(argument.as_deref(), &mut warnings) {
            0.0 => Box::new(AlwaysOff),
            share => match ProbabilitySampler::new(share) {
                Ok(sampler) => Box::new(sampler),
                Err(_) => Box::new(AlwaysOn),
            },
        },
        "jaeger_remote" => {
            let (endpoint, config) = jaeger(argument.as_deref().unwrap_or(""), &mut warnings);
            match RemoteSampler::new(config) {
                Ok((sampler, poller)) => {
                    remote = Some((endpoint, poller));
                    Box::new(sampler)
                }
                Err(_) => Box::new(AlwaysOn),
            }
        }
        _ => {
            let message = format!(
                "{SAMPLER}={name} is not known here and is ignored; write always_on, always_off, traceidratio, \
                 probability or jaeger_remote, or one of them after parentbased_"
            );
            let sampler = Box::new(ParentBased::new(AlwaysOn));
            return Some(EnvSampler { sampler, remote: None, warnings: vec![message] });
        }
    };
    let sampler = if parent_based { Box::new(ParentBased::new(root)) } else { root };
    Some(EnvSampler { sampler, remote, warnings })
}

fn ratio(argument: Option<&str>, warnings: &mut Vec<String>) -> f64 {
    let Some(argument) = argument else { return 1.0 };
    match argument.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            warnings.push(format!("{ARGUMENT}={argument} is not a ratio from 0 to 1; 1 is used"));
            1.0
        }
    }
}

/// `endpoint=...,pollingIntervalMs=...,initialSamplingRate=...`.
fn jaeger(argument: &str, warnings: &mut Vec<String>) -> (String, RemoteConfig) {
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
    let mut config = RemoteConfig::new("unknown_service");
    // The specification's default for the polling interval of this variable.
    config.interval = Duration::from_secs(300);
    if let Some(ms) = pairs.get("pollingIntervalMs") {
        match ms.parse() {
            Ok(ms) if ms > 0 => config.interval = Duration::from_millis(ms),
            _ => warnings
                .push(format!("{ARGUMENT}: pollingIntervalMs={ms} is not a number above 0; 300000 is used")),
        }
    }
    if let Some(rate) = pairs.get("initialSamplingRate") {
        match rate.parse() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => config.initial_probability = rate,
            _ => warnings
                .push(format!("{ARGUMENT}: initialSamplingRate={rate} is not from 0 to 1; 0.001 is used")),
        }
    }
    (pairs.get("endpoint").map_or(JAEGER, |e| e).to_owned(), config)
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
