//! `cargo xtask features [PACKAGE...]`: each feature of a package alone, and pairs that change each other, without a
//! warning. Builds with all features hide what one of them lacks.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::counts::Counts;
use crate::{Result, cargo, process};

/// What others choose features of. Also the program, which has features that others ask for when it is built with them.
const PACKAGES: [&str; 4] = ["trace-core", "trace-exporters", "trace-alerting", "mplp-trace"];

/// What is built otherwise when both are there.
const PAIRS: [(&str, &str); 4] = [
    ("trace-exporters", "kafka,tls"),
    ("trace-exporters", "otlp-grpc,tls"),
    ("trace-exporters", "otlp,zstd"),
    ("trace-exporters", "sqlite,kafka"),
];

/// One check, with all its dependencies new, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Checks the packages named, or all; closes with the sum.
pub(crate) fn run(packages: &[String]) -> Result<()> {
    if let Some(unknown) = packages.iter().find(|name| !PACKAGES.contains(&name.as_str())) {
        return Err(format!("no package `{unknown}` is checked; there are {}", PACKAGES.join(", ")).into());
    }
    let mut counts = Counts::default();
    for (package, features) in choices(&cargo::metadata()?) {
        if packages.is_empty() || packages.contains(&package) {
            counts += check(&package, &features);
        }
    }
    println!("\n{counts}");
    if counts.failed > 0 { Err(format!("{} failed", counts.failed).into()) } else { Ok(()) }
}

/// Packages with the features that are chosen together.
fn choices(metadata: &Value) -> Vec<(String, String)> {
    let mut choices = Vec::new();
    for package in PACKAGES {
        let mut all = metadata["packages"].as_array().into_iter().flatten();
        let found = all.find(|p| p["name"] == package).and_then(|p| p["features"].as_object());
        let names = found.into_iter().flat_map(|features| features.keys());
        // Without any is what `default` means in these libraries.
        choices.extend(names.map(|name| (package.to_owned(), name.clone())));
    }
    choices.extend(PAIRS.map(|(package, features)| (package.to_owned(), features.to_owned())));
    choices
}

fn check(package: &str, features: &str) -> Counts {
    let mut clippy = cargo::command("clippy");
    clippy.args([
        "--quiet",
        "--package",
        package,
        "--lib",
        "--bins",
        "--no-default-features",
        "--features",
        features,
    ]);
    // Not by RUSTFLAGS, which would build every dependency anew.
    clippy.args(["--", "-D", "warnings"]);
    let began = Instant::now();
    let result = process::read(&mut clippy, LIMIT);
    let seconds = began.elapsed().as_secs_f64();
    match result {
        Ok(_) => {
            println!("{package} {features} ... ok ({seconds:.1} s)");
            Counts::PASSED
        }
        Err(error) => {
            println!("{package} {features} ... FAILED ({seconds:.1} s): {error}");
            Counts::FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_chosen_alone_and_pairs_name_features_that_exist() {
        let choices = choices(&cargo::metadata().unwrap());
        let has =
            |package: &str, features: &str| choices.contains(&(package.to_owned(), features.to_owned()));
        for package in PACKAGES {
            assert!(has(package, "default"), "{package} has no features");
        }
        assert!(has("trace-exporters", "sqlite") && has("trace-core", "tracing"));
        for (package, features) in PAIRS {
            assert!(features.split(',').all(|feature| has(package, feature)), "{package} {features}");
        }
    }

    #[test]
    fn an_unknown_package_is_named() {
        let error = run(&["trace-exporter".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`trace-exporter`"), "{error}");
    }
}
