//! Reading: records of a topic into the pipeline.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select, try_join_all};
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient};
use rskafka::record::Record;
use tokio::sync::watch;
use trace_core::pipeline::{Ingest, IngestError};
use trace_core::signal::ExportError;

use super::connect::{Topic, connect, judge, limited};
use super::error::{KafkaConfigError, KafkaSourceError};
use super::offsets::Offsets;
use super::source_config::{KafkaSourceConfig, StartAt};
use super::stats::{Counters, KafkaSourceStats, add};
use crate::otlp::decode_spans;

/// The wait before a request that failed is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads spans from a topic into a pipeline.
///
/// At least once: how far a partition was read is noted when the pipeline holds the spans. If the pipeline has no room,
/// the record is read again after a pause, and its ledger counts the spans as refused each time; give the [`Ingest`] a
/// policy that waits. A record that is no OTLP is counted and passed over.
///
/// It is no member of a consumer group: each process is told its partitions, and notes its places in a file of its own.
pub struct KafkaSpanSource {
    config: KafkaSourceConfig,
    offsets: Offsets,
    counters: Counters,
}

impl KafkaSpanSource {
    /// Checks the configuration and reads the file of offsets; connects when it is run.
    ///
    /// # Errors
    /// If the configuration cannot work, or the file belongs to another topic.
    pub fn new(config: &KafkaSourceConfig) -> Result<Self, KafkaConfigError> {
        config.validate()?;
        let offsets = Offsets::open(&config.offsets, &config.connection.topic)?;
        Ok(Self { config: config.clone(), offsets, counters: Counters::default() })
    }

    /// What was read so far.
    pub fn stats(&self) -> KafkaSourceStats {
        self.counters.read()
    }

    /// Reads until `stop` is ready, and ends between two records. Brokers that do not answer are asked again.
    ///
    /// Needs a Tokio runtime with I/O and time. A call that is dropped instead of stopped may lose the spans of one record
    /// from the pipeline's ledger, not from the log.
    ///
    /// # Errors
    /// If the pipeline is shut down, the brokers refuse for good, or the file of offsets cannot be written.
    pub async fn run(&self, ingest: &Ingest, stop: impl Future<Output = ()>) -> Result<(), KafkaSourceError> {
        let (tell, told) = watch::channel(false);
        let stopping = async {
            stop.await;
            let _ = tell.send(true);
        };
        match select(pin!(self.read(ingest, &told)), pin!(stopping)).await {
            Either::Left((result, _)) => result,
            // Told: it ends by itself.
            Either::Right(((), reading)) => reading.await,
        }
    }

    async fn read(&self, ingest: &Ingest, stop: &watch::Receiver<bool>) -> Result<(), KafkaSourceError> {
        loop {
            match until_stopped(stop, self.connect(&self.config.partitions)).await {
                None => return Ok(()),
                Some(Ok(topic)) => {
                    let all = topic.partitions.into_iter().map(|p| self.partition(p, ingest, stop));
                    return try_join_all(all).await.map(drop);
                }
                Some(Err(error)) => self.pause(error, stop).await?,
            }
        }
    }

    async fn connect(&self, partitions: &[i32]) -> Result<Topic, ExportError> {
        let connection = &self.config.connection;
        limited(connection, "connect", connect(connection, partitions)).await
    }

    async fn partition(
        &self,
        mut client: PartitionClient,
        ingest: &Ingest,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), KafkaSourceError> {
        let mut next = None;
        loop {
            let Some(answer) = until_stopped(stop, self.fetch(&client, &mut next)).await else {
                return Ok(());
            };
            let records = match answer {
                Ok(records) => records,
                Err(error) => {
                    self.pause(error, stop).await?;
                    // The connection may hang; if there is no new one yet, the next attempt fails like this one.
                    let own = [client.partition()];
                    if let Some(Ok(mut topic)) = until_stopped(stop, self.connect(&own)).await {
                        client = topic.partitions.pop().unwrap_or(client);
                    }
                    continue;
                }
            };
            for (offset, record) in records {
                if *stop.borrow() {
                    return self.note(client.partition(), next);
                }
                if !self.hand_in(record, ingest).await? {
                    // The place stays where it was, so the record comes again.
                    add(&self.counters.refused, 1);
                    until_stopped(stop, tokio::time::sleep(PAUSE)).await;
                    break;
                }
                next = Some(offset + 1);
                add(&self.counters.records, 1);
            }
            self.note(client.partition(), next)?;
        }
    }

    /// The records from the place that is noted, or begun at.
    async fn fetch(
        &self,
        client: &PartitionClient,
        next: &mut Option<i64>,
    ) -> Result<Vec<(i64, Record)>, ExportError> {
        let connection = &self.config.connection;
        let failed = |e: &Error| judge(connection, "fetch", e);
        let from = match next.or_else(|| self.offsets.get(client.partition())) {
            Some(offset) => offset,
            None => {
                let at = match self.config.start {
                    StartAt::Earliest => OffsetAt::Earliest,
                    StartAt::Latest => OffsetAt::Latest,
                };
                limited(connection, "offset", async { client.get_offset(at).await.map_err(|e| failed(&e)) })
                    .await?
            }
        };
        *next = Some(from);
        let bytes = 1..i32::try_from(self.config.fetch_bytes.max(2)).unwrap_or(i32::MAX);
        let wait = i32::try_from(self.config.max_wait_ms).unwrap_or(i32::MAX);
        let fetching = async { Ok(client.fetch_records(from, bytes, wait).await) };
        match limited(connection, "fetch", fetching).await? {
            Ok((records, _)) => Ok(records.into_iter().map(|r| (r.offset, r.record)).collect()),
            Err(Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. }) => {
                // The log has let those records go, or it is another log.
                let oldest = async { client.get_offset(OffsetAt::Earliest).await.map_err(|e| failed(&e)) };
                *next = Some(limited(connection, "offset", oldest).await?);
                add(&self.counters.lost_places, 1);
                Ok(Vec::new())
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Whether the pipeline holds all spans of a record.
    async fn hand_in(&self, record: Record, ingest: &Ingest) -> Result<bool, KafkaSourceError> {
        let Ok(decoded) = decode_spans(record.value.as_deref().unwrap_or_default()) else {
            add(&self.counters.malformed_records, 1);
            return Ok(true);
        };
        for batch in decoded.batches {
            let spans = batch.len() as u64;
            match ingest.send(batch).await {
                Ok(()) => add(&self.counters.spans, spans),
                Err(IngestError::Closed { .. }) => {
                    let topic = self.config.connection.topic.clone();
                    return Err(KafkaSourceError::PipelineClosed { topic });
                }
                Err(_) => return Ok(false),
            }
        }
        add(&self.counters.rejected_spans, decoded.rejected);
        Ok(true)
    }

    fn note(&self, partition: i32, next: Option<i64>) -> Result<(), KafkaSourceError> {
        match next {
            Some(next) if self.offsets.get(partition) != Some(next) => {
                let path = self.offsets.path().to_owned();
                self.offsets
                    .commit(partition, next)
                    .map_err(|source| KafkaSourceError::Offsets { path, source })
            }
            _ => Ok(()),
        }
    }

    async fn pause(&self, error: ExportError, stop: &watch::Receiver<bool>) -> Result<(), KafkaSourceError> {
        add(&self.counters.failures, 1);
        if !error.is_retryable() {
            let (topic, message) = (self.config.connection.topic.clone(), error.to_string());
            return Err(KafkaSourceError::Refused { topic, message });
        }
        until_stopped(stop, tokio::time::sleep(PAUSE)).await;
        Ok(())
    }
}

/// `None` if it was told to stop first.
async fn until_stopped<T>(stop: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut stop = stop.clone();
    // An error means that nobody can tell any more, which ends the work too.
    let stopped = async move { drop(stop.wait_for(|told| *told).await) };
    match select(pin!(stopped), pin!(work)).await {
        Either::Left(_) => None,
        Either::Right((done, _)) => Some(done),
    }
}

impl fmt::Debug for KafkaSpanSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSpanSource")
            .field("config", &self.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
