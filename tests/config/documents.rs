//! What the documents show can be pasted into a file, and they name every key that there is.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{at, load, problems};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every page about exporters, and what is in front of the repository.
fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exporters");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let names = files.map(|file| format!("docs/exporters/{file}")).chain(["README.md".to_owned()]);
    names.map(|name| (name.clone(), page(&name))).collect()
}

/// The examples of a page that are for this program.
fn examples(text: &str) -> Vec<&str> {
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| !block.starts_with("# prometheus.yml")).collect()
}

#[test]
fn every_example_can_be_pasted_into_a_file() {
    let mut seen = 0;
    for (name, text) in pages() {
        for example in examples(&text) {
            if example.contains("kafka:") && !cfg!(feature = "kafka") {
                continue;
            }
            load(example, &[("CLICKHOUSE_PASSWORD", "x"), ("KAFKA_PASSWORD", "x")]);
            seen += 1;
        }
        let is_protocol = !["README.md", "connections.md", "delivery.md"].iter().any(|n| name.ends_with(n));
        assert!(!is_protocol || !examples(&text).is_empty(), "{name} has no example");
        assert!(!is_protocol || text.contains("counted"), "{name} does not say what is counted where");
        assert!(!is_protocol || text.contains("| default"), "{name} has no table of keys");
    }
    assert!(seen >= 14, "{seen} examples");
}

/// The keys that may stand in a section.
fn keys(section: &str) -> Vec<String> {
    let said = problems(&at(section, "zzzzzzzz: 1"), &[]);
    let known = said.iter().find_map(|s| s.split_once("zzzzzzzz is not a known key; known here: "));
    let known = known.unwrap_or_else(|| panic!("{section}: {said:?}")).1;
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_in_the_document_of_its_kind() {
    let everywhere = page("docs/exporters/README.md") + &page("docs/exporters/connections.md");
    for (section, document) in [
        ("opentelemetry.tracing.exporters.otlp", "otlp"),
        ("opentelemetry.tracing.exporters.otlpFile", "otlp"),
        ("opentelemetry.tracing.exporters.jaeger", "jaeger"),
        ("opentelemetry.tracing.exporters.zipkin", "zipkin"),
        ("opentelemetry.tracing.exporters.mplp", "mplp"),
        ("opentelemetry.tracing.exporters.clickhouse", "clickhouse"),
        #[cfg(feature = "sqlite")]
        ("opentelemetry.tracing.exporters.sqlite", "sqlite"),
        ("opentelemetry.tracing.exporters.console", "console"),
        ("opentelemetry.tracing.exporters.otlp.delivery", "delivery"),
        ("opentelemetry.tracing.exporters.otlp.delivery.spill", "delivery"),
        ("opentelemetry.tracing.exporters.otlp.delivery.retry", "delivery"),
        ("opentelemetry.tracing.exporters.otlp.delivery.throttle", "delivery"),
        ("opentelemetry.tracing.exporters.otlp.delivery.failover", "delivery"),
        ("opentelemetry.tracing.exporters.otlp.delivery.tee", "delivery"),
        ("opentelemetry.metrics.exporters.otlp", "otlp"),
        ("opentelemetry.metrics.exporters.prometheus", "prometheus"),
        ("opentelemetry.metrics.exporters.remoteWrite", "remote-write"),
        ("opentelemetry.metrics.exporters.clickhouse", "clickhouse"),
        ("opentelemetry.logs", "logs"),
        ("opentelemetry.logs.limits", "logs"),
        ("receivers", "receivers"),
        ("receivers.otlp", "receivers"),
        ("receivers.otlp.limits", "receivers"),
        ("receivers.jaeger", "receivers"),
        ("receivers.zipkin", "receivers"),
        ("receivers.prometheusRemoteWrite", "receivers"),
    ] {
        let text = page(&format!("docs/exporters/{document}.md")) + &everywhere;
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for key in keys(section) {
            let snake: String = key
                .chars()
                .flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()))
                .collect();
            assert!(
                words.contains(&*key) || words.contains(&*snake),
                "{document}.md has no {key} of {section}"
            );
        }
    }
}
