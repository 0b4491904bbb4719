//! The list of suites, and running them.

use std::time::Instant;

use super::peer::Missing;
use super::{clickhouse, collector, jaeger, kafka, otlp, prometheus, propagation, receivers, slack, smtp};
use crate::Result;
use crate::counts::Counts;

type Suite = (&'static str, fn() -> Result<()>);

const SUITES: [Suite; 11] = [
    ("otlp", otlp::run),
    ("prometheus", prometheus::run),
    ("propagation", propagation::run),
    ("receivers", receivers::run),
    ("smtp", smtp::run),
    ("slack", slack::run),
    ("jaeger", jaeger::run),
    ("zipkin", jaeger::run_zipkin),
    ("collector", collector::run),
    ("kafka", kafka::run),
    ("clickhouse", clickhouse::run),
];

/// The first ones run if none is named. ClickHouse's engine alone is a download of most of a gigabyte: it runs by its name.
const QUICK: usize = 10;

/// Runs the named suites, or the quick ones, and closes with `N passed, N failed, N skipped`, counting suites.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let suites = choose(names)?;
    let required = peers_are_required_here();
    let mut counts = Counts::default();
    for (name, suite) in suites {
        println!("\n== integration suite {name}");
        let began = Instant::now();
        let result = suite();
        counts += report(name, result, required, began.elapsed().as_secs_f64());
    }
    println!("\n{counts}");
    if counts.failed > 0 { Err(format!("{} failed", counts.failed).into()) } else { Ok(()) }
}

fn choose(names: &[String]) -> Result<Vec<Suite>> {
    if names.is_empty() {
        return Ok(SUITES[..QUICK].to_vec());
    }
    let find = |name: &String| {
        SUITES.iter().find(|(known, _)| known == name).copied().ok_or_else(|| {
            let known: Vec<&str> = SUITES.iter().map(|(known, _)| *known).collect();
            format!("unknown suite `{name}`; the suites are {}", known.join(", ")).into()
        })
    };
    names.iter().map(find).collect()
}

/// Whether a missing peer is a failure here.
pub(super) fn peers_are_required_here() -> bool {
    peers_are_required(|name| std::env::var(name).ok())
}

/// In CI a peer that cannot be had is a failure: a suite that is always skipped checks nothing.
fn peers_are_required(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("CI").as_deref() == Some("true") || variable("CI_REQUIRE_PEERS").as_deref() == Some("1")
}

fn report(name: &str, result: Result<()>, required: bool, seconds: f64) -> Counts {
    match result {
        Ok(()) => {
            println!("suite {name} ... ok ({seconds:.1} s)");
            Counts::PASSED
        }
        Err(error) if error.is::<Missing>() && !required => {
            println!("SKIPPED suite {name}: {error}");
            Counts::SKIPPED
        }
        Err(error) => {
            println!("suite {name} ... FAILED ({seconds:.1} s): {error}");
            Counts::FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_the_quick_suites_and_an_unknown_one_is_named() {
        assert_eq!(choose(&[]).unwrap().last().unwrap().0, "kafka");
        assert_eq!(choose(&["kafka".into()]).unwrap()[0].0, "kafka");
        assert_eq!(choose(&["smtp".into()]).unwrap()[0].0, "smtp");
        let error = choose(&["otpl".into()]).unwrap_err().to_string();
        assert!(error.starts_with("unknown suite `otpl`; the suites are otlp, "), "{error}");
    }

    #[test]
    fn a_missing_peer_is_skipped_for_a_person_and_fails_in_ci() {
        let missing = || Err(Missing::new("promtool", "no apt-get").into());
        assert_eq!(report("prometheus", missing(), false, 0.0), Counts::SKIPPED);
        assert_eq!(report("prometheus", missing(), true, 0.0), Counts::FAILED);
        assert_eq!(report("prometheus", Err("wrong value".into()), false, 0.0), Counts::FAILED);
    }

    #[test]
    fn ci_requires_peers_by_either_variable() {
        let set = |name: &'static str, value: &'static str| {
            peers_are_required(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(set("CI", "true"));
        assert!(set("CI_REQUIRE_PEERS", "1"));
        assert!(!set("CI", "false"));
        assert!(!set("OTHER", "1"));
    }
}
