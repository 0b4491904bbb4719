//! Detection on a thread of its own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::Engine;
use super::{DetectionStats, Lifecycle, LifecycleConfig, OwnedSample};
use crate::analyze::RedWindows;
use crate::model::{Check, CheckStatus, ComponentHealth, Timestamp};
use crate::sample::tail::AnomalousTraces;
use crate::service::HealthCheck;
use crate::signal::{AlertSink, Detector};
use crate::store::{AnomalyLog, TimeSource, system_time};

/// How windows are closed and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionConfig {
    /// The length of a window, in whole seconds; 1 s by default.
    pub window: Duration,
    /// How long after its end a window is closed, so that spans on their way still count; 1 s by default.
    pub grace: Duration,
    /// Calls of an operation in a window that make it worth judging; 1 by default.
    pub min_events: u64,
    /// Samples that wait at most; 1024 by default. Also the most that are taken from the queue in one turn.
    pub queue: usize,
    /// Whether the call rate is watched. It is not by default: load changes for good reasons, and a slow service
    /// makes its waiting callers call less, so that the rate only repeats what the times say, of the wrong series.
    pub include_rate: bool,
    /// When verdicts become an anomaly.
    pub lifecycle: LifecycleConfig,
}

impl Default for DetectionConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(1),
            grace: Duration::from_secs(1),
            min_events: 1,
            queue: 1024,
            include_rate: false,
            lifecycle: LifecycleConfig::default(),
        }
    }
}

/// How often the thread looks.
const WAKE: Duration = Duration::from_millis(250);
/// How long after a loss or a panic the stage calls itself degraded.
const SHADOW: Duration = Duration::from_secs(300);

/// After this long without a turn detection is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// Builds a [`DetectionStage`].
#[must_use = "a builder does nothing until `build` or `start`"]
pub struct DetectionStageBuilder {
    detector: Box<dyn Detector>,
    windows: Option<Arc<RedWindows>>,
    log: Arc<AnomalyLog>,
    sink: Option<Arc<dyn AlertSink>>,
    marks: Option<AnomalousTraces>,
    clock: TimeSource,
    config: DetectionConfig,
}

impl DetectionStageBuilder {
    /// Watches the operations in these windows. Without them only offered samples are judged.
    pub fn windows(mut self, windows: Arc<RedWindows>) -> Self {
        self.windows = Some(windows);
        self
    }

    /// Writes anomalies here; into a log of its own by default.
    pub fn anomaly_log(mut self, log: Arc<AnomalyLog>) -> Self {
        self.log = log;
        self
    }

    /// Raises an alert when an anomaly opens, gets worse or ends.
    pub fn alert_sink(mut self, sink: Arc<dyn AlertSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Marks the exemplar of every anomalous sample (the slowest trace of its window), for a tail sampler that keeps
    /// what is marked. A window is judged about two seconds after it began, before most traces in it are decided on.
    pub fn mark_traces(mut self, marks: AnomalousTraces) -> Self {
        self.marks = Some(marks);
        self
    }

    /// The clock that windows are closed by.
    pub fn clock(mut self, clock: TimeSource) -> Self {
        self.clock = clock;
        self
    }

    /// How windows are closed and judged.
    pub fn config(mut self, config: DetectionConfig) -> Self {
        self.config = config;
        self
    }

    /// The stage without its thread: the caller calls [`DetectionStage::tick`].
    pub fn build(mut self) -> DetectionStage {
        // Windows are made of the whole seconds that `RedWindows` keeps.
        self.config.window = Duration::from_secs(self.config.window.as_secs().max(1));
        let (sender, queue) = sync_channel(self.config.queue.max(1));
        let now = (self.clock)();
        let second = now.unix_nanos() / 1_000_000_000;
        let engine = Engine {
            detector: self.detector,
            windows: self.windows,
            log: self.log.clone(),
            sink: self.sink,
            marks: self.marks,
            queue,
            lifecycle: Lifecycle::new(self.config.lifecycle.clone()),
            config: self.config,
            next_window: Timestamp::from_unix_secs(second),
            waiting: VecDeque::new(),
            stats: DetectionStats::default(),
            last_panic: None,
        };
        let shared = Arc::new(Shared {
            engine: Mutex::new(engine),
            seen: Mutex::new(Seen { stats: DetectionStats::default(), last_panic: None, last_tick: now }),
            clock: self.clock,
            dropped: AtomicU64::new(0),
            last_drop_nanos: AtomicU64::new(0),
        });
        DetectionStage { shared, queue: sender, log: self.log, thread: Mutex::new(None) }
    }

    /// The stage with its thread `mplp-detect`, which looks four times a second.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(self) -> std::io::Result<DetectionStage> {
        let stage = self.build();
        let (stop, stopped) = channel();
        let shared = stage.shared.clone();
        let handle = std::thread::Builder::new()
            .name("mplp-detect".to_owned())
            .spawn(move || run(&shared, &stopped))?;
        *stage.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, handle));
        Ok(stage)
    }
}

fn run(shared: &Shared, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(WAKE) {
        shared.tick();
    }
    shared.tick();
}

/// How things stood after the latest turn: readable while a detector takes its time.
#[derive(Clone, Copy)]
struct Seen {
    stats: DetectionStats,
    last_panic: Option<Timestamp>,
    last_tick: Timestamp,
}

struct Shared {
    engine: Mutex<Engine>,
    seen: Mutex<Seen>,
    clock: TimeSource,
    dropped: AtomicU64,
    last_drop_nanos: AtomicU64,
}

impl Shared {
    fn tick(&self) {
        let now = (self.clock)();
        let mut engine = self.lock();
        engine.tick(now);
        *self.seen() = Seen { stats: engine.stats, last_panic: engine.last_panic, last_tick: now };
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Detection: closes windows into samples, judges them, opens and ends anomalies. Nothing that happens in it can
/// delay or harm those who record.
pub struct DetectionStage {
    shared: Arc<Shared>,
    queue: SyncSender<OwnedSample>,
    log: Arc<AnomalyLog>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl std::fmt::Debug for DetectionStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DetectionStage").field(&self.stats()).finish()
    }
}

impl DetectionStage {
    /// A stage that asks this detector.
    pub fn builder(detector: Box<dyn Detector>) -> DetectionStageBuilder {
        DetectionStageBuilder {
            detector,
            windows: None,
            log: Arc::default(),
            sink: None,
            marks: None,
            clock: system_time(),
            config: DetectionConfig::default(),
        }
    }

    /// Hands in a sample of any other source. Never waits: `false` if the queue is full, which is counted.
    pub fn offer(&self, sample: OwnedSample) -> bool {
        let taken = self.queue.try_send(sample).is_ok();
        if !taken {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.shared.last_drop_nanos.store((self.shared.clock)().unix_nanos(), Ordering::Relaxed);
        }
        taken
    }

    /// One turn: judges what waits and closes the windows that are due. The thread does this by itself.
    pub fn tick(&self) {
        self.shared.tick();
    }

    /// Where anomalies are written.
    pub fn anomaly_log(&self) -> &Arc<AnomalyLog> {
        &self.log
    }

    /// What had been done after the latest turn.
    pub fn stats(&self) -> DetectionStats {
        let stats = self.shared.seen().stats;
        DetectionStats { dropped: self.shared.dropped.load(Ordering::Relaxed), ..stats }
    }

    /// Ends the thread after a last turn. Done by dropping the stage, too.
    pub fn shutdown(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, handle)) = thread {
            drop(stop);
            // Detector and sink are guarded, so the thread does not panic; if it did, there is nobody to tell.
            let _ = handle.join();
        }
    }
}

impl Drop for DetectionStage {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl HealthCheck for DetectionStage {
    fn component(&self) -> &str {
        "anomaly_detection"
    }

    /// Degraded for five minutes after a panic of the detector or a dropped sample; unhealthy if no turn has ended
    /// for ten seconds.
    fn check(&self) -> ComponentHealth {
        let now = (self.shared.clock)();
        let recent = |at: Timestamp| now.since(at) < SHADOW;
        let Seen { last_panic, last_tick, .. } = *self.shared.seen();
        let last_drop = match self.shared.last_drop_nanos.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Timestamp::from_unix_nanos(nanos)),
        };
        let stats = self.stats();
        let check = |name: &str, at: Option<Timestamp>, message: String| {
            let status = if at.is_some_and(recent) { CheckStatus::Warn } else { CheckStatus::Pass };
            Check { name: name.to_owned(), status, message }
        };
        let idle = now.since(last_tick);
        let stuck = Check {
            name: "progress".to_owned(),
            status: if idle > STUCK { CheckStatus::Fail } else { CheckStatus::Pass },
            message: format!("the latest turn ended {} s ago", idle.as_secs()),
        };
        let checks = vec![
            stuck,
            check(
                "detector",
                last_panic,
                format!("{} samples judged, {} panics", stats.judged, stats.failed),
            ),
            check("queue", last_drop, format!("{} samples dropped", stats.dropped)),
        ];
        let last_error = last_panic.map(|at| format!("the detector panicked, last at {at}"));
        ComponentHealth::from_checks(checks, stats.dropped + stats.failed, last_error)
    }
}
