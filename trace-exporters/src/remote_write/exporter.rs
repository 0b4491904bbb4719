//! The exporter: batches to requests, answers to outcomes.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use trace_core::metric::LiveMetrics;
use trace_core::model::{MetricBatch, Timestamp};
use trace_core::signal::{ExportError, MetricExporter};

use super::config::{RemoteWriteConfig, RemoteWriteVersion};
use super::encode;
use super::error::RemoteWriteConfigError;
use super::reply::{self, Outcome};
use super::sample::{Amount, FamilyInfo, Series};
use super::series::Collected;
use super::stale::Written;
use crate::http_client::{HttpClient, Outgoing, show};
use crate::prometheus::{Accumulated, Accumulator, Report};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// Writes metrics to a receiver of Prometheus remote write.
///
/// In version `auto` it speaks 2.0 until a receiver answers 415, or answers 2xx without saying what it stored, which
/// is what receivers of 1.0 say to a body that they cannot read; then it sends the same again in 1.0, and speaks 1.0
/// from there on. Deltas are added up by an [`Accumulator`]: what cannot be is counted as rejected.
///
/// A batch over `max_series_per_request` goes out as several requests, one after the other, so that the samples of a
/// series arrive in the order of their times. If one of them fails for now, the whole batch is offered again: receivers
/// take a sample that they have already. `export` needs a Tokio runtime with I/O and time.
pub struct RemoteWriteExporter {
    config: RemoteWriteConfig,
    client: HttpClient,
    uri: Uri,
    speaks: AtomicU8,
    written: Mutex<Written>,
    totals: Mutex<Accumulator>,
    report: Mutex<Report>,
    /// One batch at a time: the samples of a series must arrive in order.
    turn: tokio::sync::Mutex<()>,
}

/// 2.0, and it is not known yet whether the receiver does.
const TRIES_V2: u8 = 0;
/// 2.0, as the receiver does.
const SPEAKS_V2: u8 = 1;
/// 1.0.
const SPEAKS_V1: u8 = 2;

impl RemoteWriteExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: RemoteWriteConfig) -> Result<Self, RemoteWriteConfigError> {
        config.validate()?;
        let uri = config.uri()?;
        let client = HttpClient::new(&uri, &config.headers, &config.tls, config.timeout)?
            .always(CONTENT_ENCODING, "snappy");
        let speaks = match config.version {
            RemoteWriteVersion::Auto => TRIES_V2,
            RemoteWriteVersion::V1 => SPEAKS_V1,
            RemoteWriteVersion::V2 => SPEAKS_V2,
        };
        let totals = Mutex::new(Accumulator::new(config.deltas));
        Ok(Self {
            config,
            client,
            totals,
            uri,
            speaks: AtomicU8::new(speaks),
            written: Mutex::default(),
            report: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// What the latest batch could not say in Prometheus' terms.
    pub fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What became of deltas.
    pub fn accumulated(&self) -> Accumulated {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).counts()
    }

    /// The series of a batch, with totals in place of deltas.
    fn collected(&self, batch: &MetricBatch) -> Collected {
        let mut report = Report::default();
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        // The same batch once more, after a failure, comes to the same totals.
        let live = totals.accumulate(LiveMetrics::from(batch), Timestamp::now(), &mut report);
        Collected::new(&live, &self.config, report)
    }

    /// Sends some series; how many of them are not stored, and why.
    async fn send(
        &self,
        series: &[Series],
        families: &[FamilyInfo],
    ) -> Result<Option<(u64, String)>, ExportError> {
        let sent = Amount::of(series);
        loop {
            let speaks = self.speaks.load(Relaxed);
            let v2 = speaks != SPEAKS_V1;
            let body = if v2 { encode::v2(series, families) } else { encode::v1(series, families) };
            match self.attempt(&body, sent, v2).await? {
                Outcome::Stored => {
                    self.decide(speaks, v2);
                    return Ok(None);
                }
                Outcome::Partly { missing, why } => {
                    self.decide(speaks, v2);
                    return Ok(Some((missing, why)));
                }
                Outcome::OtherVersion { .. } if v2 && self.config.version == RemoteWriteVersion::Auto => {
                    self.speaks.store(SPEAKS_V1, Relaxed);
                }
                // Some receivers of 1.0 do read the body, and find it malformed.
                Outcome::Refused(error) if speaks == TRIES_V2 && !error.is_retryable() => {
                    let old = encode::v1(series, families);
                    return match self.attempt(&old, sent, false).await? {
                        Outcome::Stored => {
                            self.speaks.store(SPEAKS_V1, Relaxed);
                            Ok(None)
                        }
                        Outcome::Refused(error) if error.is_retryable() => Err(error),
                        _ => Err(error),
                    };
                }
                Outcome::OtherVersion { why } => return Err(ExportError::permanent(why)),
                Outcome::Refused(error) => return Err(error),
            }
        }
    }

    fn decide(&self, speaks: u8, v2: bool) {
        if speaks == TRIES_V2 && v2 {
            self.speaks.store(SPEAKS_V2, Relaxed);
        }
    }

    /// One request. An error here is one of the network, and can be retried as it says.
    async fn attempt(&self, body: &[u8], sent: Amount, v2: bool) -> Result<Outcome, ExportError> {
        let subject = format!("POST {}", show(&self.uri));
        let packed = snap::raw::Encoder::new().compress_vec(body).map_err(|e| {
            ExportError::permanent(format!("{subject}: the request cannot be compressed")).caused_by(e)
        })?;
        let (content, version) = match v2 {
            true => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
            false => ("application/x-protobuf", "0.1.0"),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        headers.insert(VERSION, HeaderValue::from_static(version));
        let outgoing =
            Outgoing { method: Method::POST, uri: self.uri.clone(), headers, body: Bytes::from(packed) };
        let mut answer = self.client.send(outgoing).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        answer.body = Bytes::from(self.client.scrub(&self.uri, text));
        Ok(reply::read(&answer, sent, v2, &subject, SystemTime::now()))
    }
}

#[async_trait]
impl MetricExporter for RemoteWriteExporter {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        let _turn = self.turn.lock().await;
        let Collected { mut families, mut series, report } = self.collected(batch);
        let (mut rejected, mut why) = (report.dropped_series() as u64, None);
        if let Some(first) = report.dropped.first() {
            why = Some(first.to_string());
        }
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
        let present = series.len();
        if self.config.staleness_markers && present > 0 {
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            series.extend(written.ended(&batch.resource, &series, &mut families));
        }
        let mut refused = None;
        for part in series.chunks(self.config.max_series_per_request) {
            match self.send(part, &families).await {
                Ok(None) => {}
                Ok(Some((missing, said))) => {
                    rejected += missing;
                    why.get_or_insert(said);
                }
                Err(error) if error.is_retryable() => return Err(error),
                // The other parts may be taken.
                Err(error) => {
                    rejected += part.len() as u64;
                    refused.get_or_insert(error);
                }
            }
        }
        if self.config.staleness_markers && present > 0 && refused.is_none() {
            series.truncate(present);
            let stored = series.into_iter().map(|s| (s.labels, families[s.family].clone()));
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.set(&batch.resource, stored, Timestamp::now());
        }
        match (refused, why) {
            (Some(error), _) if rejected as usize >= present => Err(error),
            (Some(error), _) => {
                let partial = ExportError::partial(rejected, error.to_string());
                Err(if error.is_misconfigured() { partial.misconfigured() } else { partial })
            }
            (None, Some(why)) => Err(ExportError::partial(rejected, why)),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for RemoteWriteExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteWriteExporter").field("config", &self.config).finish_non_exhaustive()
    }
}
