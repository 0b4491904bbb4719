//! From the configuration to receivers that do not listen yet.

use std::sync::Arc;
use std::time::Duration;

use trace_core::metric::{InvalidInstrument, Meter};
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::service::HealthCheck;
use trace_exporters::jaeger_receiver::{DatagramProtocol, JaegerReceiver, JaegerUdpReceiver};
use trace_exporters::otlp_receiver::OtlpReceiver;
use trace_exporters::receiver::ReceiverLimits;
use trace_exporters::remote_write_receiver::RemoteWriteReceiver;
use trace_exporters::zipkin_receiver::ZipkinReceiver;

use super::health::ReceiversHealth;
use super::{Board, Shared, Source, self_metrics};
use crate::config::{ReceiverLimitsConfig, ReceiversConfig};
use crate::module::BuildError;

/// How long a request waits for room in the pipeline before its client is told to come back.
const WAIT: Duration = Duration::from_millis(500);

/// What is received, whether or not it is listened for yet.
pub(in crate::module) struct Receivers {
    pub(super) config: ReceiversConfig,
    pub(super) board: Shared,
}

impl Receivers {
    pub(in crate::module) fn build(
        config: &ReceiversConfig,
        pipeline: &Pipeline,
    ) -> Result<Self, BuildError> {
        let spans = pipeline.ingest(OverflowPolicy::block(WAIT));
        let destinations = pipeline.ledger().destinations;
        let has = |suffix| destinations.iter().any(|d| d.name.ends_with(suffix));
        let (has_metrics, has_logs) = (has("_metrics"), has("_logs"));
        let mut sources = Vec::new();
        if let Some(otlp) = &config.otlp {
            let mut receiver = OtlpReceiver::new(spans.clone(), limits(&otlp.limits));
            // Else they would be refused for now, and their clients would come again and again.
            if has_metrics {
                receiver = receiver.metrics(pipeline.metric_ingest());
            }
            if has_logs {
                receiver = receiver.logs(pipeline.log_ingest());
            }
            if let Some(name) = header("otlp", otlp.tenant_header.as_deref())? {
                receiver = receiver.tenant_header(name);
            }
            sources.push(("otlp", Source::Otlp(receiver)));
        }
        if let Some(jaeger) = &config.jaeger {
            let limits = limits(&jaeger.limits);
            if jaeger.thrift_http.is_some() {
                let mut receiver = JaegerReceiver::new(spans.clone(), limits.clone());
                if let Some(name) = header("jaeger", jaeger.tenant_header.as_deref())? {
                    receiver = receiver.tenant_header(name);
                }
                sources.push(("jaeger.thriftHttp", Source::Jaeger(receiver)));
            }
            for (name, listen, protocol) in [
                ("jaeger.compactUdp", &jaeger.compact_udp, DatagramProtocol::Compact),
                ("jaeger.binaryUdp", &jaeger.binary_udp, DatagramProtocol::Binary),
            ] {
                if listen.is_some() {
                    let receiver = JaegerUdpReceiver::new(protocol, spans.clone(), &limits);
                    sources.push((name, Source::Datagrams(receiver)));
                }
            }
        }
        if let Some(zipkin) = &config.zipkin {
            let mut receiver = ZipkinReceiver::new(spans.clone(), limits(&zipkin.limits));
            if let Some(name) = header("zipkin", zipkin.tenant_header.as_deref())? {
                receiver = receiver.tenant_header(name);
            }
            sources.push(("zipkin", Source::Zipkin(receiver)));
        }
        if let Some(write) = &config.prometheus_remote_write {
            if !has_metrics {
                return Err(BuildError::message(
                    "receivers.prometheusRemoteWrite",
                    "nobody would hold the metrics: configure an exporter in opentelemetry.metrics.exporters",
                ));
            }
            let mut receiver = RemoteWriteReceiver::new(pipeline.metric_ingest(), limits(&write.limits));
            if let Some(name) = header("prometheusRemoteWrite", write.tenant_header.as_deref())? {
                receiver = receiver.tenant_header(name);
            }
            sources.push(("prometheusRemoteWrite", Source::RemoteWrite(receiver)));
        }
        if let Some(kafka) = &config.kafka {
            #[cfg(feature = "kafka")]
            {
                // Nobody waits for it.
                let spans = pipeline.ingest(OverflowPolicy::block(Duration::from_secs(30)));
                let reader = super::kafka::Reader::new(kafka, spans)?;
                sources.push(("kafka", Source::Kafka(Arc::new(reader))));
            }
            #[cfg(not(feature = "kafka"))]
            return Err(BuildError::message(
                "receivers.kafka",
                format!("this build reads no log such as {}: build it with the feature kafka", kafka.topic),
            ));
        }
        Ok(Self { config: config.clone(), board: Arc::new(Board::new(sources)) })
    }

    pub(in crate::module) fn register(&self, meter: &Meter) -> Result<(), InvalidInstrument> {
        if self.board.sources.is_empty() { Ok(()) } else { self_metrics::register(meter, &self.board) }
    }

    pub(in crate::module) fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        (!self.board.sources.is_empty()).then(|| Arc::new(ReceiversHealth(self.board.clone())) as _)
    }
}

fn header(receiver: &str, name: Option<&str>) -> Result<Option<http::HeaderName>, BuildError> {
    let path = || format!("receivers.{receiver}.tenantHeader");
    name.map(|name| name.parse().map_err(|e: http::header::InvalidHeaderName| BuildError::part(path(), e)))
        .transpose()
}

fn limits(config: &ReceiverLimitsConfig) -> ReceiverLimits {
    let mut limits = ReceiverLimits::default();
    limits.max_body_bytes = config.max_body_bytes;
    limits.max_decoded_bytes = config.max_decoded_bytes;
    limits.max_records = config.max_records;
    limits.max_requests = config.max_requests;
    limits.max_bytes_in_flight = config.max_bytes_in_flight;
    limits.max_requests_per_second = config.max_requests_per_second;
    limits.max_bytes_per_second = config.max_bytes_per_second;
    limits.body_timeout_ms = u64::try_from(config.body_timeout.as_millis()).unwrap_or(u64::MAX);
    limits.retry_after_seconds = config.retry_after.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
    limits
}
