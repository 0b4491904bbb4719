//! The exporter: one of the wires, behind the trait.

use std::fmt;

use async_trait::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::signal::{ExportError, SpanExporter};

use super::config::JaegerConfig;
use super::encode::{Form, Packed, pack};
use super::error::JaegerConfigError;
use super::http::Collector;
use super::udp::Agent;
use super::wire::Wire;
use crate::http_client::show;
use crate::otlp::{OtlpConfig, OtlpSpanExporter};

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
    Collector { collector: Collector, limit: usize },
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
        let sender = match wire {
            Wire::OtlpHttp(uri) => Sender::Otlp(over_http(config, uri.to_string())?),
            Wire::OtlpGrpc(endpoint) => return over_grpc(&endpoint),
            Wire::ThriftHttp(uri) => {
                Sender::Collector { collector: Collector::new(config, uri)?, limit: config.max_request_bytes }
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

fn over_http(config: &JaegerConfig, url: String) -> Result<OtlpSpanExporter, JaegerConfigError> {
    let otlp = OtlpConfig {
        url: Some(url),
        headers: config.headers.clone(),
        timeout_ms: config.timeout_ms,
        max_request_bytes: config.max_request_bytes,
        ca_certificate: config.ca_certificate.clone(),
        client_certificate: config.client_certificate.clone(),
        client_key: config.client_key.clone(),
        ..OtlpConfig::default()
    };
    Ok(OtlpSpanExporter::new(&otlp)?)
}

/// Where OTLP over gRPC is to be joined.
fn over_grpc(endpoint: &str) -> Result<JaegerExporter, JaegerConfigError> {
    Err(JaegerConfigError::Grpc { shown: show(endpoint) })
}

#[async_trait]
impl SpanExporter for JaegerExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        match &self.sender {
            Sender::Otlp(otlp) => otlp.export(batch).await,
            Sender::Collector { collector, limit } => {
                let Packed { messages, oversized } = pack(batch, Form::Binary, *limit);
                let mut refused = Refused::oversized(oversized, *limit);
                for (body, count) in messages {
                    match collector.send(body).await {
                        Ok(()) => refused.taken = true,
                        Err(error) if error.is_retryable() => return Err(error),
                        Err(error) => refused.add(count, &error),
                    }
                }
                refused.result()
            }
            Sender::Agent { agent, limit } => {
                let Packed { messages, oversized } = pack(batch, Form::Compact, *limit);
                let mut refused = Refused::oversized(oversized, *limit);
                for (packet, count) in messages {
                    match agent.send(&packet).await {
                        Ok(()) => refused.taken = true,
                        Err(error) if error.is_retryable() => return Err(error),
                        Err(error) => refused.add(count, &error),
                    }
                }
                refused.result()
            }
        }
    }
}

/// What of a batch was not taken so far.
struct Refused {
    count: usize,
    reason: Option<String>,
    /// The batch as a whole did not fail.
    taken: bool,
    misconfigured: bool,
}

impl Refused {
    fn oversized(count: usize, limit: usize) -> Self {
        let reason = (count > 0).then(|| format!("{count} of the spans are over {limit} bytes each"));
        // Not a failure of the batch: the others are sent.
        Self { count, reason, taken: count > 0, misconfigured: false }
    }

    fn add(&mut self, count: usize, error: &ExportError) {
        self.count += count;
        self.misconfigured |= error.is_misconfigured();
        // The first reason is the one that explains; later ones mostly repeat it.
        self.reason.get_or_insert_with(|| error.to_string());
    }

    fn result(self) -> Result<(), ExportError> {
        let Some(reason) = self.reason else { return Ok(()) };
        let error = match self.taken {
            true => ExportError::partial(self.count as u64, reason),
            false => ExportError::permanent(reason),
        };
        Err(if self.misconfigured { error.misconfigured() } else { error })
    }
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
