//! Writing: a batch becomes records, each to the partition of its trace.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use rskafka::chrono::DateTime;
use rskafka::client::partition::Compression;
use rskafka::record::Record;
use tokio::sync::Mutex;
use trace_core::batch::SpanBatch;
use trace_core::model::Timestamp;
use trace_core::signal::{ExportError, SpanExporter};

use super::config::{KafkaCompression, KafkaConfig};
use super::connect::{Topic, connect, judge, limited};
use super::error::KafkaConfigError;
use super::murmur::partition_of;
use super::records::{records_of, requests};

/// Writes spans to a topic, acknowledged by all replicas that are in sync.
///
/// At least once: if one partition fails for now, the whole batch is offered again, and what the others took is there
/// twice. A span that alone is over `max_record_bytes` is refused and counted.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct KafkaSpanExporter {
    config: KafkaConfig,
    /// Made with the first batch, and again after a failure: leaders move, and partitions are added.
    topic: Mutex<Option<Arc<Topic>>>,
}

impl KafkaSpanExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &KafkaConfig) -> Result<Self, KafkaConfigError> {
        config.validate()?;
        Ok(Self { config: config.clone(), topic: Mutex::default() })
    }

    async fn topic(&self) -> Result<Arc<Topic>, ExportError> {
        let mut topic = self.topic.lock().await;
        if let Some(known) = &*topic {
            return Ok(known.clone());
        }
        let made = Arc::new(connect(&self.config, &[]).await?);
        *topic = Some(made.clone());
        Ok(made)
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), ExportError> {
        let topic = self.topic().await?;
        let mut parts: Vec<Vec<Record>> = topic.partitions.iter().map(|_| Vec::new()).collect();
        for record in records {
            let key = record.key.as_deref().unwrap_or_default();
            parts[partition_of(key, topic.partitions.len())].push(record);
        }
        let compression = match self.config.compression {
            KafkaCompression::None => Compression::NoCompression,
            KafkaCompression::Gzip => Compression::Gzip,
            KafkaCompression::Lz4 => Compression::Lz4,
            KafkaCompression::Snappy => Compression::Snappy,
            KafkaCompression::Zstd => Compression::Zstd,
        };
        let written = topic.partitions.iter().zip(parts).map(|(client, records)| async move {
            // One after another, so that a partition keeps the order.
            for request in requests(records, self.config.max_record_bytes) {
                let sent = client.produce(request, compression).await;
                sent.map_err(|e| judge(&self.config, "produce", &e))?;
            }
            Ok(())
        });
        try_join_all(written).await.map(drop)
    }
}

#[async_trait]
impl SpanExporter for KafkaSpanExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let ms = i64::try_from(Timestamp::now().unix_millis()).unwrap_or(i64::MAX);
        let now = DateTime::from_timestamp_millis(ms).unwrap_or_default();
        let made = records_of(batch, self.config.max_record_bytes, now);
        if !made.records.is_empty() {
            let result = limited(&self.config, "produce", self.write(made.records)).await;
            if let Err(error) = result {
                *self.topic.lock().await = None;
                return Err(error);
            }
        }
        match made.too_large {
            0 => Ok(()),
            n => {
                let limit = self.config.max_record_bytes;
                Err(ExportError::partial(n, format!("{n} spans alone are over {limit} bytes")))
            }
        }
    }
}

impl fmt::Debug for KafkaSpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSpanExporter").field("config", &self.config).finish_non_exhaustive()
    }
}
