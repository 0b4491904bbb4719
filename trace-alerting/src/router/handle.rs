//! What the application holds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::thread::ThreadId;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use trace_core::model::{Alert, AlertId, AlertRecord, ComponentHealth, Timestamp};
use trace_core::signal::{AlertSink, Rejected};

use super::builder::AlertRouterBuilder;
use super::driver::Control;
use crate::engine::Engine;
use crate::{AlertReport, AlertStats, DeadLetter, RecordFilter, ShutdownError, health, intake};

/// How long beyond its deadline a shutdown waits for the thread to say that it has ended.
const GRACE: Duration = Duration::from_millis(500);

/// What handle and thread share.
pub(super) struct Shared {
    pub(super) engine: Mutex<Engine>,
    pub(super) queued: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    closed: AtomicBool,
    queue_capacity: usize,
    shutdown_timeout: Duration,
}

impl Shared {
    pub(super) fn new(engine: Engine, config: &crate::AlertConfig) -> Self {
        Self {
            engine: Mutex::new(engine),
            queued: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            queue_capacity: config.queue_capacity,
            shutdown_timeout: config.shutdown_timeout,
        }
    }
}

/// Takes alerts and sees to it that people are told. Alerts wait in a bounded queue for a thread of its own, so
/// neither a raise nor a slow channel ever holds the caller. Share it in an `Arc`; dropping it shuts it down.
pub struct AlertRouter {
    shared: Arc<Shared>,
    alerts: mpsc::Sender<Alert>,
    control: mpsc::UnboundedSender<Control>,
    changes: broadcast::Sender<AlertRecord>,
    thread: Option<ThreadId>,
    /// Its sender goes when the thread ends; `None` once that was seen.
    end: Mutex<Option<blocking::Receiver<()>>>,
}

impl AlertRouter {
    /// A router without channels and with default settings.
    pub fn builder() -> AlertRouterBuilder {
        AlertRouterBuilder::default()
    }

    pub(super) fn new(
        shared: Arc<Shared>,
        alerts: mpsc::Sender<Alert>,
        control: mpsc::UnboundedSender<Control>,
        changes: broadcast::Sender<AlertRecord>,
    ) -> Self {
        Self { shared, alerts, control, changes, thread: None, end: Mutex::new(None) }
    }

    pub(super) fn attach(&mut self, thread: ThreadId, end: blocking::Receiver<()>) {
        self.thread = Some(thread);
        self.end = Mutex::new(Some(end));
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records, the last raised first. An alert just raised appears once the thread has looked at it.
    pub fn records(&self, filter: &RecordFilter) -> Vec<AlertRecord> {
        self.engine().records(filter)
    }

    /// The record that an accepted alert counts in, or `None` if it is not there yet or forgotten.
    pub fn record(&self, id: AlertId) -> Option<AlertRecord> {
        self.engine().record(id)
    }

    /// Notes that a person knows: the alert is not told again when its window ends, only when it grows worse or
    /// is over. Gives the record, or `None` if there is none.
    pub fn acknowledge(&self, id: AlertId) -> Option<AlertRecord> {
        let mut engine = self.engine();
        let changed = engine.acknowledge(id);
        let record = engine.record(id);
        if changed && let Some(record) = &record {
            // Fails only if nobody listens.
            let _ = self.changes.send(record.clone());
        }
        record
    }

    /// Changes of records as they happen. A receiver that is more than 256 behind loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<AlertRecord> {
        self.changes.subscribe()
    }

    /// The counts of now.
    pub fn stats(&self) -> AlertStats {
        let stats = self.engine().stats();
        AlertStats {
            accepted: self.shared.accepted.load(Ordering::Relaxed),
            rejected: self.shared.rejected.load(Ordering::Relaxed),
            queued: self.shared.queued.load(Ordering::Relaxed),
            ..stats
        }
    }

    /// The notifications given up last, the newest last; at most 1000.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.engine().dead_letters().cloned().collect()
    }

    /// Degraded without a recipient, with a channel that is off or failing, with a queue nearly full, and for an
    /// hour after a dead letter. Unhealthy after the end.
    pub fn health(&self) -> ComponentHealth {
        let stats = self.stats();
        let engine = self.engine();
        let running = !self.shared.closed.load(Ordering::Acquire);
        let capacity = self.shared.queue_capacity;
        health::health(&stats, engine.off(), engine.dead_letters(), capacity, running, Timestamp::now())
    }

    /// Sends what waits for its group or for a retry, and waits until nothing is pending. `false` if the deadline
    /// came first, or alerting has ended. Blocks the calling thread, also inside of a Tokio runtime.
    pub fn flush(&self, deadline: Duration) -> bool {
        let (reply, answer) = blocking::channel();
        self.control.send(Control::Flush(reply)).is_ok() && answer.recv_timeout(deadline).is_ok()
    }

    /// Takes no more alerts, makes every waiting notification's next attempt at once, waits for the channels until
    /// the deadline, and ends. Blocks the calling thread, also inside of a Tokio runtime; the channels run on
    /// a thread of their own. A second call gives the same counts.
    ///
    /// # Errors
    /// If a notification was given up or is undelivered, with all counts.
    pub fn shutdown(&self, deadline: Duration) -> Result<AlertReport, ShutdownError> {
        self.shared.closed.store(true, Ordering::Release);
        // Fails only if the thread has ended.
        let _ = self.control.send(Control::Shutdown(deadline));
        let own = self.thread == Some(std::thread::current().id());
        if !own {
            let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = deadline.saturating_add(GRACE);
            let over = end
                .as_ref()
                .is_none_or(|end| end.recv_timeout(wait) == Err(blocking::RecvTimeoutError::Disconnected));
            if over {
                *end = None;
            }
        }
        let report = self.stats();
        if report.lost() == 0 { Ok(report) } else { Err(ShutdownError { report }) }
    }
}

impl AlertSink for AlertRouter {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        let id = alert.id;
        let result = intake::check(alert).and_then(|alert| {
            if self.shared.closed.load(Ordering::Acquire) {
                return Err(Rejected::Closed);
            }
            // Counted first, so that the thread never counts down below zero.
            self.shared.queued.fetch_add(1, Ordering::Relaxed);
            self.alerts.try_send(alert).map_err(|e| {
                self.shared.queued.fetch_sub(1, Ordering::Relaxed);
                match e {
                    mpsc::error::TrySendError::Full(_) => {
                        Rejected::QueueFull { capacity: self.shared.queue_capacity }
                    }
                    mpsc::error::TrySendError::Closed(_) => Rejected::Closed,
                }
            })
        });
        match result {
            Ok(()) => {
                self.shared.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(id)
            }
            Err(rejected) => {
                self.shared.rejected.fetch_add(1, Ordering::Relaxed);
                Err(rejected)
            }
        }
    }
}

impl Drop for AlertRouter {
    fn drop(&mut self) {
        let ended = self.end.get_mut().unwrap_or_else(PoisonError::into_inner).is_none();
        if !ended {
            // What was lost is lost; whoever wants to know calls `shutdown`.
            let _ = self.shutdown(self.shared.shutdown_timeout);
        }
    }
}

impl std::fmt::Debug for AlertRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertRouter").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
