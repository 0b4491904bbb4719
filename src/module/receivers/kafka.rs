//! Spans from a topic, read for as long as the receivers listen.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trace_core::pipeline::Ingest;
use trace_exporters::kafka::{
    KafkaConfig, KafkaSourceConfig, KafkaSpanSource, SaslMechanism, StartAt, TlsConfig,
};

use super::board::State;
use super::{Figures, Shared};
use crate::config::{KafkaMechanism, KafkaReceiverConfig, KafkaStart};
use crate::module::BuildError;

const KEY: &str = "kafka";

/// A source, and where its spans go.
pub(super) struct Reader {
    source: KafkaSpanSource,
    ingest: Ingest,
}

/// A source that is read.
pub(super) struct Reading {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Reader {
    pub(super) fn new(config: &KafkaReceiverConfig, ingest: Ingest) -> Result<Self, BuildError> {
        let mut connection = KafkaConfig::new(config.brokers.clone()).topic(&config.topic);
        connection.username.clone_from(&config.username);
        connection.password = config.password.as_ref().map(|p| p.expose().to_owned().into());
        connection.mechanism = match config.mechanism {
            KafkaMechanism::Plain => SaslMechanism::Plain,
            KafkaMechanism::ScramSha256 => SaslMechanism::ScramSha256,
            KafkaMechanism::ScramSha512 => SaslMechanism::ScramSha512,
        };
        if config.tls {
            let mut tls = TlsConfig::default();
            tls.ca_certificate = config.ca_certificate.as_ref().map(Into::into);
            connection.tls = Some(tls);
        }
        let mut source =
            KafkaSourceConfig::new(connection, &config.offsets).partitions(config.partitions.iter().copied());
        source.start = match config.start {
            KafkaStart::Earliest => StartAt::Earliest,
            KafkaStart::Latest => StartAt::Latest,
        };
        let source = KafkaSpanSource::new(&source).map_err(|e| BuildError::part("receivers.kafka", e))?;
        Ok(Self { source, ingest })
    }

    /// Begins to read on the current Tokio runtime.
    pub(super) fn start(self: &Arc<Self>, board: &Shared) -> Reading {
        board.set(KEY, State::Reads);
        let (stop, stopped) = oneshot::channel::<()>();
        let (reader, board) = (self.clone(), board.clone());
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            if let Err(error) = reader.source.run(&reader.ingest, stopped).await {
                board.set(KEY, State::Failed(error.to_string()));
            }
        });
        Reading { stop, task }
    }

    pub(super) fn figures(&self) -> Figures {
        let stats = self.source.stats();
        Figures {
            records: vec![
                ("held", stats.records),
                ("malformed", stats.malformed_records),
                ("read_again", stats.refused),
            ],
            spans: vec![("held", stats.spans), ("rejected", stats.rejected_spans)],
            ..Figures::default()
        }
    }
}

impl Reading {
    /// Ends between two records.
    pub(super) async fn shutdown(self) {
        let Self { stop, task } = self;
        drop(stop);
        // An error here is a panic or an abort of the task, which is as stopped as it can be.
        let _ = task.await;
    }
}
