//! The cases that every exporter must pass, for each of ours.
#![cfg(all(feature = "otlp", feature = "console"))]

mod support;

use support::{Receiver, ok};
use trace_core::testing::conformance;
use trace_exporters::console::ConsoleExporter;
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpLogExporter, OtlpMetricExporter, OtlpSpanExporter};

#[tokio::test]
async fn the_console_exporter_conforms() {
    conformance::span_exporter(&ConsoleExporter::new(Vec::new())).await;
    conformance::metric_exporter(&ConsoleExporter::new(Vec::new())).await;
    conformance::log_exporter(&ConsoleExporter::new(Vec::new())).await;
}

#[tokio::test]
async fn the_otlp_exporters_conform_with_and_without_compression() {
    for compression in [Compression::None, Compression::Gzip] {
        let receiver = Receiver::start(std::iter::repeat_with(ok).take(20)).await;
        let config = OtlpConfig::new(receiver.url()).compression(compression);
        conformance::span_exporter(&OtlpSpanExporter::new(&config).unwrap()).await;
        conformance::metric_exporter(&OtlpMetricExporter::new(&config).unwrap()).await;
        conformance::log_exporter(&OtlpLogExporter::new(&config).unwrap()).await;
        assert!(receiver.received().len() >= 8, "what is not empty is sent");
    }
}
