//! The exporter: one of the wires, behind the trait.

use std::fmt;

use async_trait::async_trait;
use http::Uri;
use http::header::CONTENT_TYPE;
use trace_core::batch::SpanBatch;
use trace_core::signal::{ExportError, SpanExporter};

use super::config::JaegerConfig;
use super::encode::{Form, Packed, pack};
use super::error::JaegerConfigError;
use super::udp::Agent;
use super::wire::Wire;
use crate::http_client::{HttpClient, Post};
use crate::otlp::{OtlpConfig, OtlpSpanExporter, Protocol};
use crate::outcome::Outcome;

/// Sends spans to Jaeger by the protocol that the endpoint means.
///
/// A batch over the limit of a message goes out as several. Over HTTP, if one of them fails for now, the error is
/// retryable and the whole batch is offered again: Jaeger sees the delivered part twice, and stores it once. A span that
/// is over the limit alone is left out, and counted in a partial error. Nobody acknowledges datagrams: `Ok` means that
/// the system took them.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct JaegerExporter {
    sender: Sender,
    name: &'static str,
}

#[allow(clippy::large_enum_variant, reason = "there is one a destination, and it is not moved")]
enum Sender {
    Otlp(OtlpSpanExporter),
    Collector { collector: Post, limit: usize },
    Agent { agent: Agent, limit: usize },
}

impl JaegerExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &JaegerConfig) -> Result<Self, JaegerConfigError> {
        config.validate()?;
        let wire = config.wire()?;
        let name = wire.name();
        let otlp = |config: &OtlpConfig| OtlpSpanExporter::new(config).map(Sender::Otlp);
        let sender = match wire {
            Wire::OtlpHttp(uri) => otlp(&config.otlp(uri.to_string(), Protocol::HttpProtobuf))?,
            Wire::OtlpGrpc(endpoint) => otlp(&config.otlp(endpoint, Protocol::Grpc))?,
            Wire::ThriftHttp(uri) => {
                Sender::Collector { collector: over_thrift(config, uri)?, limit: config.max_request_bytes }
            }
            Wire::Udp { host, port } => {
                Sender::Agent { agent: Agent::new(host, port), limit: config.max_packet_bytes }
            }
        };
        Ok(Self { sender, name })
    }

    /// By which protocol spans travel, such as `OTLP over HTTP`: what the endpoint was taken to mean.
    pub fn protocol_name(&self) -> &'static str {
        self.name
    }
}

fn over_thrift(config: &JaegerConfig, uri: Uri) -> Result<Post, JaegerConfigError> {
    let client = HttpClient::new(&uri, &config.headers, &config.tls, config.timeout)?
        .always(CONTENT_TYPE, "application/vnd.apache.thrift.binary");
    Ok(Post::new(client, uri))
}

#[async_trait]
impl SpanExporter for JaegerExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        match &self.sender {
            Sender::Otlp(otlp) => otlp.export(batch).await,
            Sender::Collector { collector, limit } => {
                let mut outcome = Outcome::default();
                for (body, count) in packed(batch, Form::Binary, *limit, &mut outcome) {
                    outcome.add(collector.send(body).await, count)?;
                }
                outcome.result()
            }
            Sender::Agent { agent, limit } => {
                let mut outcome = Outcome::default();
                for (packet, count) in packed(batch, Form::Compact, *limit, &mut outcome) {
                    outcome.add(agent.send(&packet).await, count)?;
                }
                outcome.result()
            }
        }
    }
}

/// The messages of a batch with their counts of spans; spans over the limit alone are left out.
fn packed(batch: &SpanBatch, form: Form, limit: usize, outcome: &mut Outcome) -> Vec<(Vec<u8>, usize)> {
    let Packed { messages, oversized } = pack(batch, form, limit);
    // Not a failure of the batch: the others are sent.
    outcome.leave_out(oversized, || format!("{oversized} of the spans are over {limit} bytes each"));
    messages
}

impl fmt::Debug for JaegerExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("JaegerExporter");
        debug.field("protocol", &self.name);
        match &self.sender {
            Sender::Otlp(otlp) => debug.field("otlp", otlp),
            Sender::Collector { collector, .. } => debug.field("collector", collector),
            Sender::Agent { agent, .. } => debug.field("agent", agent),
        };
        debug.finish()
    }
}
