//! Suite `prometheus`: a real Prometheus scrapes the server and answers what was sent to it.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::server::Server;
use super::{http, peer, rust_test, suite};
use crate::process::Background;
use crate::scratch::Scratch;
use crate::{Result, process};

/// Scrapes come each second; a busy machine may miss some.
const SCRAPE_LIMIT: Duration = Duration::from_secs(30);
/// Requests per route of the server: the path asked for and how often. Health checks are not counted
/// by the server, so these are not health checks.
const SENT: [(&str, u32); 2] = [("/api/v1/monitoring/anomalies", 7), ("/api/v1/monitoring/performance", 4)];

pub(super) fn run() -> Result<()> {
    let promtool = peer::prometheus_program("promtool")?;
    let prometheus = peer::prometheus_program("prometheus")?;
    compare_samples(&promtool, &prometheus)?;

    let scratch = Scratch::new("prometheus")?;
    let server = Server::start(scratch.path())?;
    for (path, count) in SENT {
        for _ in 0..count {
            let answer = http::get(&server.address, path)?;
            if answer.status != 200 {
                let what = format!("GET {path}: {} {}", answer.status, answer.body);
                return server.explain(Err(what.into()));
            }
        }
    }
    let scraper = Scraper::start(&prometheus, scratch.path(), &server.address)?;
    server.explain(compare(&scraper))?;
    check_text(&promtool, scratch.path(), &server.address)
}

/// Our listener and our remote write against each server that can be had.
fn compare_samples(promtool: &Path, prometheus: &Path) -> Result<()> {
    let mut variables = vec![
        ("MPLP_PEER_PROMTOOL", promtool.display().to_string()),
        ("MPLP_PEER_PROMETHEUS", prometheus.display().to_string()),
    ];
    let mut skipped = Vec::new();
    for (variable, tests, found) in [
        ("MPLP_PEER_PROMETHEUS3", "prometheus_3", peer::prometheus_3()),
        (
            "MPLP_PEER_VICTORIA",
            "victoria_metrics",
            peer::debian_program("victoria-metrics", "victoria-metrics"),
        ),
    ] {
        match found {
            Ok(program) => variables.push((variable, program.display().to_string())),
            Err(error) if error.is::<peer::Missing>() && !suite::peers_are_required_here() => {
                println!("SKIPPED tests {tests}*: {error}");
                skipped.push(tests);
            }
            Err(error) => return Err(error),
        }
    }
    rust_test::run_without("prometheus_peer", &variables, &skipped)
}

fn compare(scraper: &Scraper) -> Result<()> {
    http::until(SCRAPE_LIMIT, || scraper.expect("up{job=\"mplp\"}", 1.0))?;
    for (path, count) in SENT {
        let labels = format!("handler=\"{path}\",method=\"GET\"");
        let queries = [
            format!("sum(mplp_http_requests_total{{{labels},status=\"200\"}})"),
            format!("sum(mplp_http_request_duration_seconds_count{{{labels}}})"),
            format!("sum(mplp_http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}})"),
        ];
        for query in queries {
            http::until(SCRAPE_LIMIT, || scraper.expect(&query, f64::from(count)))?;
            println!("prometheus answers {count} to {query}");
        }
    }
    Ok(())
}

/// Gauges that OpenTelemetry's conventions name in a way that promtool keeps for histograms.
const NAMED_BY_CONVENTION: [&str; 2] = ["process_open_file_descriptor_count", "process_thread_count"];

/// `promtool check metrics` parses and lints; any remark is a failure.
fn check_text(promtool: &Path, folder: &Path, server: &str) -> Result<()> {
    let text = folder.join("metrics.txt");
    let body = http::get(server, "/metrics")?.body;
    let is_linted = |line: &&str| !NAMED_BY_CONVENTION.iter().any(|name| line.contains(name));
    std::fs::write(
        &text,
        body.lines().filter(is_linted).map(|line| format!("{line}\n")).collect::<String>(),
    )?;
    let mut check = Command::new(promtool);
    check.args(["check", "metrics"]).stdin(File::open(&text)?);
    process::run(&mut check, Duration::from_secs(30))
}

/// A running Prometheus.
struct Scraper {
    background: Background,
    address: String,
}

impl Scraper {
    fn start(prometheus: &Path, folder: &Path, target: &str) -> Result<Self> {
        let config = folder.join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
                 scrape_configs:\n- job_name: mplp\n  static_configs: [{{targets: ['{target}']}}]\n"
            ),
        )?;
        // Prometheus cannot bind port 0. Another program may take the port in between, hence the tries.
        let mut last = "no try".into();
        for attempt in 0..3 {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
            let mut command = Command::new(prometheus);
            command
                .current_dir(folder)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join(format!("tsdb{attempt}")).display()))
                .arg(format!("--web.listen-address={address}"));
            let mut background = Background::start("prometheus", &mut command)?;
            let ready = |line: &str| line.contains("Server is ready to receive").then_some(());
            match background.wait_for_line(SCRAPE_LIMIT, ready) {
                Ok(()) => return Ok(Self { background, address }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Fails, naming the value, unless `query` gives exactly one sample with the `expected` value.
    fn expect(&self, query: &str, expected: f64) -> Result<()> {
        let answer = http::get(&self.address, &format!("/api/v1/query?query={}", http::encoded(query)));
        let answer = answer.map_err(|error| format!("{error}\n{}", self.background.output()))?;
        let found = sample(&answer.body)?;
        if found == Some(expected) {
            Ok(())
        } else {
            Err(format!("prometheus answers {found:?} to {query}, not {expected}").into())
        }
    }
}

/// The value of the one sample in an answer of `/api/v1/query`; `None` without a sample.
fn sample(answer: &str) -> Result<Option<f64>> {
    let answer: Value = serde_json::from_str(answer).map_err(|error| format!("{error} in {answer:?}"))?;
    let samples = answer["data"]["result"].as_array().ok_or_else(|| format!("no result in {answer}"))?;
    match samples.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one["value"][1].as_str().ok_or("a sample without value")?.parse()?)),
        more => Err(format!("{} samples instead of one", more.len()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_is_read_from_an_answer() {
        let answer = |result: &str| format!(r#"{{"status":"success","data":{{"result":{result}}}}}"#);
        assert_eq!(sample(&answer(r#"[{"metric":{},"value":[1.5,"7"]}]"#)).unwrap(), Some(7.0));
        assert_eq!(sample(&answer("[]")).unwrap(), None);
        assert!(sample(&answer(r#"[{"value":[1,"7"]},{"value":[1,"8"]}]"#)).is_err());
        assert!(sample(r#"{"status":"error","error":"bad"}"#).is_err());
        assert!(sample("busy").is_err());
    }
}
