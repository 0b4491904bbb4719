//! The exporter in front of the log.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::oneshot;
use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, MetricBatch};
use trace_core::pipeline::RetryPolicy;
use trace_core::signal::{ExportError, Keeper, LogExporter, MetricExporter, SpanExporter};

use super::config::{Fsync, SpillConfig, SpillMode};
use super::direct::{Request, Shared};
use super::disk::Folder;
use super::error::SpillError;
use super::frame::HEADER;
use super::lock::Lock;
use super::log::{Limits, Log};
use super::stats::{SpillCounts, SpillStats};
use super::worker::Worker;
use crate::delivery::batch::{Batch, Target};

/// A log on disk in front of an exporter: see the [module](super).
///
/// `export` answers `Ok` as soon as the log holds the batch. If the disk fails, the batch goes past the log while that is
/// empty; else the error is retryable, so that the pipeline keeps the batch in memory. `flush` waits until everything
/// is delivered, and fails after `flush_wait_ms`. `shutdown` goes on delivering for `shutdown_wait_ms` and leaves the rest
/// on disk, where the next run finds it; that is no error, and [`SpillStats`] and the pipeline's ledger show it as held.
///
/// The inner exporter runs on a thread of the spill's own, one call at a time. It needs a time limit of its own, such as a
/// [`TimeLimit`](crate::delivery::TimeLimit).
pub struct Spill<B> {
    shared: Arc<Shared<B>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The last frame's memory.
    buffer: Mutex<Vec<u8>>,
    config: SpillConfig,
}

/// A buffer that grew beyond this is not kept for the next batch.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

impl Spill<SpanBatch> {
    /// Opens the log in a folder, and begins to deliver what it holds. `retry` says how failed attempts are repeated.
    ///
    /// # Errors
    /// If the settings cannot work, another exporter uses the folder, or the disk fails.
    pub fn spans(
        config: &SpillConfig,
        retry: RetryPolicy,
        inner: impl SpanExporter + 'static,
    ) -> Result<Self, SpillError> {
        Self::start(config, retry, Box::new(inner))
    }
}

impl Spill<MetricBatch> {
    /// Opens the log in a folder, and begins to deliver what it holds. `retry` says how failed attempts are repeated.
    ///
    /// # Errors
    /// If the settings cannot work, another exporter uses the folder, or the disk fails.
    pub fn metrics(
        config: &SpillConfig,
        retry: RetryPolicy,
        inner: impl MetricExporter + 'static,
    ) -> Result<Self, SpillError> {
        Self::start(config, retry, Box::new(inner))
    }
}

impl Spill<LogBatch> {
    /// Opens the log in a folder, and begins to deliver what it holds. `retry` says how failed attempts are repeated.
    ///
    /// # Errors
    /// If the settings cannot work, another exporter uses the folder, or the disk fails.
    pub fn logs(
        config: &SpillConfig,
        retry: RetryPolicy,
        inner: impl LogExporter + 'static,
    ) -> Result<Self, SpillError> {
        Self::start(config, retry, Box::new(inner))
    }
}

impl<B> Spill<B> {
    /// The account, which outlives the exporter.
    pub fn stats(&self) -> Arc<SpillStats> {
        self.shared.stats.clone()
    }

    fn stop_by(&self, deadline: Instant) {
        self.shared.stop.send_replace(Some(deadline));
        self.shared.wake.notify_one();
    }
}

#[allow(private_bounds, reason = "spans, metrics and log records, and nothing else")]
impl<B: Batch> Spill<B> {
    fn start(
        config: &SpillConfig,
        retry: RetryPolicy,
        inner: Box<dyn Target<B>>,
    ) -> Result<Self, SpillError> {
        config.validate()?;
        let failed = |what| move |source| SpillError::Io { dir: config.dir.clone(), what, source };
        let lock = Lock::take(&config.dir)?;
        let limits = Limits {
            segment_bytes: config.segment_bytes,
            max_bytes: config.max_bytes,
            sync_each: config.fsync == Fsync::Always,
            sync_segments: config.fsync != Fsync::Never,
        };
        let (log, found) = Log::open(Folder::new(&config.dir), limits).map_err(failed("read"))?;
        let counts = SpillCounts {
            recovered: found.records,
            torn_bytes: found.torn_bytes,
            disk_failures: log.failures,
            ..SpillCounts::default()
        };
        let interval = (config.fsync == Fsync::Interval).then(|| config.fsync_interval());
        let shared = Arc::new(Shared::new(log, counts, interval));
        let misconfigured_wait = config.misconfigured_wait();
        let worker = Worker { shared: shared.clone(), inner, retry, misconfigured_wait, _lock: lock };
        let thread = std::thread::Builder::new().name("mplp-spill".to_owned());
        let thread = thread.spawn(move || worker.run()).map_err(failed("served by a thread"))?;
        let (thread, buffer) = (Mutex::new(Some(thread)), Mutex::default());
        Ok(Self { shared, thread, buffer, config: config.clone() })
    }

    /// Writes a batch to the log.
    fn hold(&self, batch: &B) -> io::Result<()> {
        let mut frame = std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        frame.clear();
        frame.resize(HEADER, 0);
        batch.encode(&mut frame);
        let records = batch.records();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let result = self.shared.with(|log, changes| {
            let result = log.append(B::KIND, u32::try_from(records).unwrap_or(u32::MAX), time, &mut frame);
            changes.accepted = if result.is_ok() { records } else { 0 };
            result
        });
        if frame.capacity() <= KEPT_BUFFER_BYTES {
            *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = frame;
        }
        match &result {
            Ok(()) => self.shared.wake.notify_one(),
            Err(e) => self.shared.note(e),
        }
        result
    }

    async fn send(&self, batch: &B) -> Result<(), ExportError> {
        if batch.records() == 0 {
            return Ok(());
        }
        let mut attempted = None;
        if self.config.mode == SpillMode::OnFailure && self.shared.holds_nothing() {
            match self.shared.attempt(batch.clone()).await {
                Some(Err(e)) if e.is_retryable() || self.holds(&e) => attempted = Some(e),
                Some(result) => return result,
                None => {}
            }
        }
        let Err(disk) = self.hold(batch) else { return Ok(()) };
        let dir = self.config.dir.display();
        if disk.kind() == io::ErrorKind::InvalidInput {
            return Err(ExportError::permanent(format!("{disk} in {dir}")).caused_by(disk));
        }
        let full = format!("the spill log in {dir} cannot be written to");
        match attempted {
            None if self.shared.holds_nothing() => match self.shared.attempt(batch.clone()).await {
                // Neither there nor here: the pipeline keeps it for a while.
                Some(Err(e)) if self.holds(&e) => Err(ExportError::retryable(format!("{full}, and {e}"))),
                Some(result) => result,
                None => Err(ExportError::retryable(full).caused_by(disk)),
            },
            // Behind what the log holds, in order.
            None => Err(ExportError::retryable(full).caused_by(disk)),
            Some(e) if self.holds(&e) => Err(ExportError::retryable(format!("{full}, and {e}"))),
            Some(e) => Err(e),
        }
    }

    /// Whether a batch that fails so is kept.
    fn holds(&self, error: &ExportError) -> bool {
        error.is_misconfigured() && self.config.misconfigured_wait().is_some()
    }

    /// Waits until everything that has been taken is settled, and then flushes the destination.
    async fn settle(&self) -> Result<(), ExportError> {
        let limit = Duration::from_millis(self.config.flush_wait_ms);
        let up_to = self.shared.with(|log, _| log.written);
        self.shared.hurry.notify_one();
        let mut settled = self.shared.settled.subscribe();
        let delivered = async {
            let _ = settled.wait_for(|n| *n >= up_to).await;
            let (answer, result) = oneshot::channel();
            self.shared.push(Request::Flush(answer));
            result.await.unwrap_or(Ok(()))
        };
        match tokio::time::timeout(limit, delivered).await {
            Ok(result) => result,
            Err(_) => {
                let counts = self.shared.stats.counts();
                let why = counts.last_error.map(|e| format!(": {e}")).unwrap_or_default();
                let dir = self.config.dir.display();
                let held = counts.held;
                Err(ExportError::retryable(format!("{held} records wait in the spill log in {dir}{why}")))
            }
        }
    }

    async fn end(&self) -> Result<(), ExportError> {
        self.stop_by(Instant::now() + Duration::from_millis(self.config.shutdown_wait_ms));
        let mut ended = self.shared.ended.subscribe();
        let _ = ended.wait_for(|ended| *ended).await;
        Ok(())
    }
}

impl<B> Drop for Spill<B> {
    /// What has not been delivered stays on disk. Waits for the thread, but not for an exporter that blocks it.
    fn drop(&mut self) {
        if !*self.shared.ended.borrow() {
            self.stop_by(Instant::now());
        }
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let last = Instant::now() + Duration::from_millis(500);
        while !thread.is_finished() {
            if Instant::now() >= last {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let _ = thread.join();
    }
}

macro_rules! exporter {
    ($exporter:ident, $batch:ty) => {
        #[async_trait]
        impl $exporter for Spill<$batch> {
            async fn export(&self, batch: &$batch) -> Result<(), ExportError> {
                self.send(batch).await
            }
            async fn flush(&self) -> Result<(), ExportError> {
                self.settle().await
            }
            async fn shutdown(&self) -> Result<(), ExportError> {
                self.end().await
            }
            fn keeper(&self) -> Option<Arc<dyn Keeper>> {
                Some(self.stats())
            }
        }
    };
}
exporter!(SpanExporter, SpanBatch);
exporter!(MetricExporter, MetricBatch);
exporter!(LogExporter, LogBatch);

impl<B> fmt::Debug for Spill<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spill")
            .field("config", &self.config)
            .field("counts", &self.shared.stats.counts())
            .finish()
    }
}
