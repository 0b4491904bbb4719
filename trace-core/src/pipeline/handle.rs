//! The handle of a running pipeline: flush and shutdown.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::builder::PipelineBuilder;
use super::destination::{Destination, deadline_in, join_until};
use super::error::{DeliveryError, DeliveryFailure, FlushError};
use super::ingest::Ingest;
use super::ingest_queue::IngestQueue;
use super::inside::PipelineId;
use super::ledger::{DeliveryReport, Ledger};
use super::ledger_reader::LedgerReader;
use super::log_ingest::LogIngest;
use super::metric_ingest::MetricIngest;
use super::metric_reader::ReaderCommand;
use super::outlet::Outlet;
use super::worker::Command;
use crate::batch::SpanBatch;
use crate::env::EnvWarning;
use crate::log::{LogLimits, Logger};
use crate::metric::BoundHistogram;
use crate::model::{LogBatch, MetricBatch};
use crate::record::{OverflowPolicy, Recorder};

/// A running pipeline. Dropping it shuts it down with a deadline of five seconds.
pub struct Pipeline {
    inner: Arc<Inner>,
    env_warnings: Vec<EnvWarning>,
}

pub(super) struct Inner {
    id: PipelineId,
    pub(super) ledger: LedgerReader,
    ingest: Arc<IngestQueue>,
    log_limits: LogLimits,
    life: Mutex<Life>,
    ended: Condvar,
}

enum Life {
    Running(Running),
    /// Somebody is shutting it down.
    Stopping,
    Stopped(DeliveryReport),
}

/// The threads, and how to reach them.
pub(super) struct Running {
    pub(super) commands: Sender<Command>,
    pub(super) wake: Thread,
    pub(super) thread: JoinHandle<()>,
    pub(super) reader: Option<(Sender<ReaderCommand>, JoinHandle<()>)>,
    pub(super) spans: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) metrics: Vec<Arc<Destination<MetricBatch>>>,
    pub(super) logs: Vec<Arc<Destination<LogBatch>>>,
    pub(super) collection: Arc<OnceLock<BoundHistogram>>,
}

impl Running {
    /// The destinations of what the pipeline's own thread forwards.
    fn forwarded_to(&self) -> impl Iterator<Item = Arc<dyn Outlet>> {
        let spans = self.spans.iter().map(|d| d.clone() as Arc<dyn Outlet>);
        spans.chain(self.logs.iter().map(|d| d.clone() as Arc<dyn Outlet>))
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Pipeline {
    pub(super) fn new(
        id: PipelineId,
        ledger: LedgerReader,
        ingest: Arc<IngestQueue>,
        log_limits: LogLimits,
        running: Option<Running>,
        env_warnings: Vec<EnvWarning>,
    ) -> Self {
        let life = running.map_or_else(|| Life::Stopped(DeliveryReport::default()), Life::Running);
        let inner = Inner { id, ledger, ingest, log_limits, life: Mutex::new(life), ended: Condvar::new() };
        Self { inner: Arc::new(inner), env_warnings }
    }

    /// Default settings and no destination.
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::default()
    }

    /// Where to record.
    pub fn recorder(&self) -> &Recorder {
        &self.inner.ledger.recorder
    }

    /// A way in for finished spans that were not recorded here.
    pub fn ingest(&self, policy: OverflowPolicy) -> Ingest {
        Ingest {
            queue: self.inner.ingest.clone(),
            forwarded: self.inner.ledger.forwarded.clone(),
            recorder: self.recorder().clone(),
            policy,
            tenant: None,
        }
    }

    /// A way to the destinations for metrics that were not collected here.
    pub fn metric_ingest(&self) -> MetricIngest {
        let destinations = match &*self.inner.life() {
            Life::Running(r) => r.metrics.clone(),
            _ => Vec::new(),
        };
        MetricIngest { destinations, tenancy: self.inner.ledger.tenancy.clone(), tenant: None }
    }

    /// Where to emit log records.
    pub fn logger(&self) -> Logger {
        let (intake, recorder) = (self.inner.ledger.log_intake.clone(), self.recorder().clone());
        Logger { intake, recorder, limits: self.inner.log_limits }
    }

    /// A way in for log records that were not made here.
    pub fn log_ingest(&self) -> LogIngest {
        LogIngest { intake: self.inner.ledger.log_intake.clone(), tenant: None }
    }

    /// Where every span and log record is, now.
    pub fn ledger(&self) -> Ledger {
        self.inner.ledger.read()
    }

    /// Reads the accounts from elsewhere.
    pub fn ledger_reader(&self) -> LedgerReader {
        self.inner.ledger.clone()
    }

    /// Variables that do not do what they seem to ask for; empty unless the builder was given variables.
    pub fn env_warnings(&self) -> &[EnvWarning] {
        &self.env_warnings
    }

    /// Runs with the threads, if they are there. Nobody can shut them down meanwhile.
    pub(super) fn with_running(&self, f: impl FnOnce(&LedgerReader, Option<&Running>)) {
        match &*self.inner.life() {
            Life::Running(r) => f(&self.inner.ledger, Some(r)),
            _ => f(&self.inner.ledger, None),
        }
    }

    /// `otel.sdk.metric_reader.collection.duration`, once it is registered; `None` if nothing is collected.
    pub(super) fn collection(&self) -> Option<Arc<OnceLock<BoundHistogram>>> {
        match &*self.inner.life() {
            Life::Running(r) => r.reader.as_ref().map(|_| r.collection.clone()),
            _ => None,
        }
    }

    /// Exports everything that ended before the call. Blocks, also inside a Tokio runtime.
    ///
    /// # Errors
    /// If a destination fails to flush, or the time is up; then the flush goes on in the background. If the pipeline is
    /// shut down, the calling thread is one of the pipeline's own, or the process was forked.
    pub fn flush(&self, limit: Duration) -> Result<(), FlushError> {
        let deadline = deadline_in(limit);
        let inner = &self.inner;
        if inner.ledger.disabled {
            return Ok(());
        }
        if let Some(parent) = self.recorder().forked_from() {
            return Err(FlushError::Forked(parent));
        }
        if inner.id.is_here() {
            return Err(FlushError::FromInside);
        }
        // Not locked while it waits: a shutdown has its own deadline.
        let (commands, wake, reader, outlets, metrics) = {
            let Life::Running(r) = &*inner.life() else { return Err(FlushError::Closed) };
            let reader = r.reader.as_ref().map(|(commands, _)| commands.clone());
            (
                r.commands.clone(),
                r.wake.clone(),
                reader,
                r.forwarded_to().collect::<Vec<_>>(),
                r.metrics.clone(),
            )
        };
        let collected = reader.map(|reader| {
            let (tx, rx) = channel();
            let _ = reader.send(ReaderCommand::Collect(tx));
            rx
        });
        let (tx, drained) = channel();
        let (mut flushing, mut flushed) = (Vec::new(), Vec::new());
        for d in outlets {
            let (tx, rx) = channel();
            flushed.push((d.name().to_owned(), rx));
            flushing.push((d, tx));
        }
        let _ = commands.send(Command::Flush(tx, flushing));
        wake.unpark();
        let flushed = wait_all(flushed, deadline, limit);
        // If destinations have not been asked yet, it is not they who are late.
        answer(drained.recv_timeout(left(deadline)), limit, "the pipeline's thread")?;
        flushed?;
        // Only now: a collection that hangs must not cost the spans their time.
        if let Some(collected) = collected {
            answer(collected.recv_timeout(left(deadline)), limit, "the collection of metrics")?;
        }
        let flush = |d: &Arc<Destination<MetricBatch>>| {
            let (tx, rx) = channel();
            d.flush(tx);
            (d.account().name.clone(), rx)
        };
        wait_all(metrics.iter().map(flush).collect(), deadline, limit)
    }

    /// Stops recording, delivers what there is, and gives the final accounts. Blocks at most until the deadline
    /// and a little; works inside and outside of any Tokio runtime, because the threads are the pipeline's own.
    ///
    /// It happens once. A second call returns the same accounts; one that comes while the first is at work waits for
    /// it, for at most its own limit.
    ///
    /// # Errors
    /// If any span was lost, now or earlier; the error carries the same report. If the accounts are not final, or the
    /// process was forked: see [`DeliveryFailure`].
    pub fn shutdown(&self, limit: Duration) -> Result<DeliveryReport, DeliveryError> {
        let deadline = deadline_in(limit);
        let inner = &self.inner;
        let fail = |failure| Err(DeliveryError { failure, report: Box::new(inner.report()) });
        if let Some(parent) = self.recorder().forked_from() {
            return fail(DeliveryFailure::Forked(parent));
        }
        self.recorder().close();
        let mut life = inner.life();
        if matches!(*life, Life::Running(_)) {
            let Life::Running(running) = std::mem::replace(&mut *life, Life::Stopping) else {
                unreachable!("it was running, and the lock is held")
            };
            drop(life);
            if inner.id.is_here() {
                return self.stop_in_background(running, deadline);
            }
            return judge(inner.stop(running, deadline));
        }
        loop {
            match &*life {
                Life::Stopped(report) => return judge(report.clone()),
                _ if inner.id.is_here() => {
                    drop(life);
                    return fail(DeliveryFailure::FromInside);
                }
                _ if left(deadline).is_zero() => {
                    drop(life);
                    return fail(DeliveryFailure::Unfinished);
                }
                _ => {
                    let waited = inner.ended.wait_timeout(life, left(deadline));
                    life = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// For a call from one of the pipeline's own threads, which the stop waits for.
    fn stop_in_background(
        &self,
        running: Running,
        deadline: Instant,
    ) -> Result<DeliveryReport, DeliveryError> {
        let inner = self.inner.clone();
        let stop = move || {
            inner.stop(running, deadline);
        };
        // Without a thread the queues close when `running` is dropped, and the threads end by themselves.
        let _ = std::thread::Builder::new().name("mplp-shutdown".into()).spawn(stop);
        Err(DeliveryError { failure: DeliveryFailure::FromInside, report: Box::new(self.inner.report()) })
    }
}

impl Inner {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> DeliveryReport {
        DeliveryReport { ledger: self.ledger.read() }
    }

    fn stop(&self, mut r: Running, deadline: Instant) -> DeliveryReport {
        let sources = self.ledger.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sources.iter().for_each(|source| source.close());
        let (tx, stopped) = channel();
        let _ = r.commands.send(Command::Stop(tx));
        r.wake.unpark();
        let reader = r.reader.take().map(|(commands, thread)| {
            let (tx, stopped) = channel();
            let _ = commands.send(ReaderCommand::Stop(tx));
            (stopped, thread)
        });
        let _ = stopped.recv_timeout(left(deadline));
        // Whether or not the thread came: nothing is taken in any more.
        self.ingest.close();
        self.ledger.log_intake.close();
        self.ledger.forwarded.stopped.store(true, Ordering::Release);
        r.forwarded_to().for_each(|d| d.close(deadline));
        // Only now: a collection that hangs must not cost the spans their time.
        if let Some((stopped, _)) = &reader {
            let _ = stopped.recv_timeout(left(deadline));
        }
        r.metrics.iter().for_each(|d| d.close(deadline));
        r.forwarded_to().for_each(|d| d.join(deadline));
        r.metrics.iter().for_each(|d| d.join(deadline));
        let threads = std::iter::once(r.thread).chain(reader.map(|(_, thread)| thread));
        threads.for_each(|t| join_until(t, deadline));
        let report = self.report();
        *self.life() = Life::Stopped(report.clone());
        self.ended.notify_all();
        report
    }
}

fn judge(report: DeliveryReport) -> Result<DeliveryReport, DeliveryError> {
    let l = &report.ledger;
    let lost = l.lost() + l.pending + l.logs.pending + l.destinations.iter().map(|d| d.pending).sum::<u64>();
    match lost {
        0 => Ok(report),
        n => Err(DeliveryError { failure: DeliveryFailure::Lost(n), report: Box::new(report) }),
    }
}

fn answer(got: Result<(), RecvTimeoutError>, limit: Duration, who: &str) -> Result<(), FlushError> {
    got.map_err(|e| match e {
        RecvTimeoutError::Timeout => FlushError::Timeout(limit, who.to_owned()),
        RecvTimeoutError::Disconnected => FlushError::Closed,
    })
}

type Flushing = (String, Receiver<Result<(), String>>);

/// Waits for all, and reports the first that failed.
fn wait_all(waiting: Vec<Flushing>, deadline: Instant, limit: Duration) -> Result<(), FlushError> {
    for (name, done) in waiting {
        match done.recv_timeout(left(deadline)) {
            Ok(Ok(())) => {}
            Ok(Err(message)) => return Err(FlushError::Destination { name, message }),
            Err(RecvTimeoutError::Disconnected) => return Err(FlushError::Closed),
            Err(RecvTimeoutError::Timeout) => {
                return Err(FlushError::Timeout(limit, format!("destination {name}")));
            }
        }
    }
    Ok(())
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.recorder().forked_from().is_some() {
            // Destructors of queues and channels take locks that may be held for ever here; the parent runs them.
            std::mem::forget(self.inner.clone());
            return;
        }
        // A caller who wants the report calls `shutdown`.
        let _ = self.shutdown(Duration::from_secs(5));
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("ledger", &self.ledger()).finish()
    }
}
