//! Building a pipeline, and its handle.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::destination::{Destination, DestinationConfig, deadline_in, join_until};
use super::error::{DeliveryError, FlushError};
use super::ledger::{DeliveryReport, Forwarded, Ledger, LedgerReader};
use super::metric_reader::{Collect, MetricReader, ReaderCommand};
use super::payload::{Metrics, Spans};
use super::worker::{Command, PipelineWorker};
use crate::batch::SpanBatch;
use crate::model::MetricBatch;
use crate::record::{Recorder, RecorderBuilder};
use crate::signal::{MetricExporter, SpanExporter, SpanProcessor};

/// An interval of zero would keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(1);

/// Settings of a [`Pipeline`].
pub struct PipelineBuilder {
    recorder: RecorderBuilder,
    processors: Vec<Arc<dyn SpanProcessor>>,
    spans: Vec<(String, Box<dyn SpanExporter>, DestinationConfig)>,
    metrics: Vec<(String, Box<dyn MetricExporter>, DestinationConfig)>,
    collect: Option<(Collect, Duration)>,
    interval: Duration,
}

impl PipelineBuilder {
    /// How spans are recorded.
    #[must_use]
    pub fn recorder(mut self, recorder: RecorderBuilder) -> Self {
        self.recorder = recorder;
        self
    }

    /// Adds a step that every batch passes, after those added before.
    #[must_use]
    pub fn processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Adds a destination for spans.
    #[must_use]
    pub fn export_spans(self, name: &str, exporter: impl SpanExporter + 'static) -> Self {
        self.export_spans_with(name, exporter, DestinationConfig::default())
    }

    /// Adds a destination for spans that is fed in its own way.
    #[must_use]
    pub fn export_spans_with(
        mut self,
        name: &str,
        exporter: impl SpanExporter + 'static,
        config: DestinationConfig,
    ) -> Self {
        self.spans.push((name.to_owned(), Box::new(exporter), config));
        self
    }

    /// Adds a destination for metrics.
    #[must_use]
    pub fn export_metrics(mut self, name: &str, exporter: impl MetricExporter + 'static) -> Self {
        self.metrics.push((name.to_owned(), Box::new(exporter), DestinationConfig::default()));
        self
    }

    /// Where metrics come from, and how often they are collected for the destinations.
    #[must_use]
    pub fn collect_metrics(
        mut self,
        interval: Duration,
        collect: impl Fn() -> MetricBatch + Send + Sync + 'static,
    ) -> Self {
        self.collect = Some((Arc::new(collect), interval));
        self
    }

    /// How often finished spans are taken from the threads at least; 100 ms by default.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// If two destinations have the same name, or the operating system refuses a thread.
    pub fn start(self) -> std::io::Result<Pipeline> {
        let mut names: Vec<_> =
            self.spans.iter().map(|s| &s.0).chain(self.metrics.iter().map(|m| &m.0)).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("two destinations are named {:?}: give each a name of its own", pair[0]);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
        }
        let (recorder, drain) = self.recorder.build();
        let spans = self
            .spans
            .into_iter()
            .map(|(name, e, config)| Destination::start(&name, Spans(e), config).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let metrics = self
            .metrics
            .into_iter()
            .map(|(name, e, config)| Destination::start(&name, Metrics(e), config).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let forwarded = Arc::new(Forwarded::default());
        let accounts = spans
            .iter()
            .map(|d| d.account().clone())
            .chain(metrics.iter().map(|d| d.account().clone()))
            .collect();
        let ledger = LedgerReader {
            recorder: recorder.clone(),
            sources: Arc::default(),
            forwarded: forwarded.clone(),
            accounts,
        };

        let worker = PipelineWorker {
            drain,
            sources: Vec::new(),
            processors: self.processors,
            destinations: spans.clone(),
            forwarded,
            interval: self.interval.max(SHORTEST),
        };
        let (commands, receiver) = channel();
        let thread =
            std::thread::Builder::new().name("mplp-pipeline".into()).spawn(move || worker.run(&receiver))?;
        let mut running = Running { commands, wake: thread.thread().clone(), thread, reader: None };
        if let Some((collect, interval)) = self.collect.filter(|_| !metrics.is_empty()) {
            let reader =
                MetricReader { collect, destinations: metrics.clone(), interval: interval.max(SHORTEST) };
            let (tx, rx) = channel();
            let thread =
                std::thread::Builder::new().name("mplp-metrics".into()).spawn(move || reader.run(&rx))?;
            running.reader = Some((tx, thread));
        }
        Ok(Pipeline { recorder, spans, metrics, ledger, running: Mutex::new(Some(running)) })
    }
}

impl std::fmt::Debug for PipelineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> =
            self.spans.iter().map(|s| &s.0).chain(self.metrics.iter().map(|m| &m.0)).collect();
        f.debug_struct("PipelineBuilder").field("destinations", &names).finish_non_exhaustive()
    }
}

/// A running pipeline. Dropping it shuts it down with a deadline of five seconds.
pub struct Pipeline {
    recorder: Recorder,
    spans: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) metrics: Vec<Arc<Destination<MetricBatch>>>,
    pub(super) ledger: LedgerReader,
    pub(super) running: Mutex<Option<Running>>,
}

pub(super) struct Running {
    pub(super) commands: Sender<Command>,
    pub(super) wake: Thread,
    thread: JoinHandle<()>,
    reader: Option<(Sender<ReaderCommand>, JoinHandle<()>)>,
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Pipeline {
    /// Default settings and no destination.
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder {
            recorder: Recorder::builder(),
            processors: Vec::new(),
            spans: Vec::new(),
            metrics: Vec::new(),
            collect: None,
            interval: Duration::from_millis(100),
        }
    }

    /// Where to record.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Where every span is, now.
    pub fn ledger(&self) -> Ledger {
        self.ledger.read()
    }

    /// Reads the accounts from elsewhere.
    pub fn ledger_reader(&self) -> LedgerReader {
        self.ledger.clone()
    }

    /// Exports everything that ended before the call. Blocks, also inside a Tokio runtime.
    ///
    /// # Errors
    /// If a destination fails to flush, or the time is up; then the flush goes on in the background.
    pub fn flush(&self, limit: Duration) -> Result<(), FlushError> {
        let deadline = deadline_in(limit);
        // Not locked while it waits: a shutdown has its own deadline.
        let (commands, wake, reader) = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(r) = &*running else { return Err(FlushError::Closed) };
            (r.commands.clone(), r.wake.clone(), r.reader.as_ref().map(|(commands, _)| commands.clone()))
        };
        if let Some(reader) = reader {
            let (tx, rx) = channel();
            let _ = reader.send(ReaderCommand::Collect(tx));
            let _ = rx.recv_timeout(left(deadline));
        }
        let (tx, rx) = channel();
        let _ = commands.send(Command::Drain(tx));
        wake.unpark();
        rx.recv_timeout(left(deadline)).map_err(|e| match e {
            RecvTimeoutError::Timeout => FlushError::Timeout(limit, "the pipeline's thread".into()),
            RecvTimeoutError::Disconnected => FlushError::Closed,
        })?;
        let waiting: Vec<_> = self
            .spans
            .iter()
            .map(|d| (d.account().name.clone(), d.flush()))
            .chain(self.metrics.iter().map(|d| (d.account().name.clone(), d.flush())))
            .collect();
        for (name, mut done) in waiting {
            loop {
                match done.try_recv() {
                    Ok(Ok(())) => break,
                    Ok(Err(message)) => return Err(FlushError::Destination { name, message }),
                    Err(tokio::sync::oneshot::error::TryRecvError::Closed) => return Err(FlushError::Closed),
                    Err(tokio::sync::oneshot::error::TryRecvError::Empty) if Instant::now() >= deadline => {
                        return Err(FlushError::Timeout(limit, format!("destination {name}")));
                    }
                    Err(tokio::sync::oneshot::error::TryRecvError::Empty) => {
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                }
            }
        }
        Ok(())
    }

    /// Stops recording, delivers what there is, and gives the final accounts. Blocks at most until the deadline
    /// and a little; works inside and outside of any Tokio runtime, because the threads are the pipeline's own.
    /// A second call returns the same accounts at once.
    ///
    /// # Errors
    /// If any span was lost, now or earlier; the error carries the same report.
    pub fn shutdown(&self, limit: Duration) -> Result<DeliveryReport, DeliveryError> {
        let deadline = deadline_in(limit);
        self.recorder.close();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sources = self.ledger.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sources.iter().for_each(|source| source.close());
        if let Some(r) = running {
            let (tx, stopped) = channel();
            let _ = r.commands.send(Command::Stop(tx));
            r.wake.unpark();
            let reader = r.reader.map(|(commands, thread)| {
                let (tx, stopped) = channel();
                let _ = commands.send(ReaderCommand::Stop(tx));
                (stopped, thread)
            });
            let _ = stopped.recv_timeout(left(deadline));
            self.ledger.forwarded.stopped.store(true, Ordering::Release);
            self.spans.iter().for_each(|d| d.close(deadline));
            // Only now: a collection that hangs must not cost the spans their time.
            if let Some((stopped, _)) = &reader {
                let _ = stopped.recv_timeout(left(deadline));
            }
            self.metrics.iter().for_each(|d| d.close(deadline));
            self.spans.iter().for_each(|d| d.join(deadline));
            self.metrics.iter().for_each(|d| d.join(deadline));
            let threads = std::iter::once(r.thread).chain(reader.map(|(_, thread)| thread));
            threads.for_each(|t| join_until(t, deadline));
        }
        let report = DeliveryReport { ledger: self.ledger() };
        let l = &report.ledger;
        let waiting = l.pending + l.destinations.iter().map(|d| d.pending).sum::<u64>();
        if l.lost() + waiting > 0 { Err(DeliveryError { report }) } else { Ok(report) }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // A caller who wants the report calls `shutdown`.
        let _ = self.shutdown(Duration::from_secs(5));
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("ledger", &self.ledger()).finish()
    }
}
