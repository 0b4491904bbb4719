//! The event loop: moves events into the engine and effects out of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc as blocking};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use trace_core::model::{Alert, AlertRecord, Timestamp};
use trace_core::signal::{Notifier, NotifyError};

use super::handle::Shared;
use super::worker::{Done, Job, work};
use crate::engine::{Effect, Event};

/// Alerts looked at before other work gets its turn.
const BATCH: usize = 256;

/// What the handle asks for.
pub(super) enum Control {
    /// Send now what waits; answer when nothing waits any more.
    Flush(blocking::Sender<()>),
    /// Take no more alerts, send what waits, and end within this time.
    Shutdown(Duration),
}

pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) alerts: mpsc::Receiver<Alert>,
    pub(super) control: mpsc::UnboundedReceiver<Control>,
    pub(super) changes: broadcast::Sender<AlertRecord>,
    pub(super) notifiers: Vec<Arc<dyn Notifier>>,
    pub(super) attempt_timeout: Duration,
}

/// Wall-clock time that never goes back: read once, then advanced by the monotonic clock.
struct Clock {
    start: (Timestamp, Instant),
}

impl Clock {
    fn now(&self) -> Timestamp {
        self.start.0 + self.start.1.elapsed()
    }
}

struct Loop {
    shared: Arc<Shared>,
    changes: broadcast::Sender<AlertRecord>,
    workers: Vec<mpsc::Sender<Job>>,
    clock: Clock,
    wake: Option<Timestamp>,
    /// Who waits until nothing is pending.
    flushes: Vec<blocking::Sender<()>>,
}

impl Driver {
    /// Runs until it is told to end, or nobody can tell it any more.
    pub(super) async fn run(mut self) {
        // Each channel has at most one attempt, so neither side of this ever waits.
        let (done_tx, mut done) = mpsc::channel::<Done>(self.notifiers.len().max(1));
        let timeout = self.attempt_timeout;
        let start = |(channel, notifier)| {
            let (jobs, queue) = mpsc::channel(1);
            tokio::spawn(work(channel, notifier, timeout, queue, done_tx.clone()));
            jobs
        };
        let mut state = Loop {
            workers: self.notifiers.drain(..).enumerate().map(start).collect(),
            shared: self.shared,
            changes: self.changes,
            clock: Clock { start: (Timestamp::now(), Instant::now()) },
            wake: None,
            flushes: Vec::new(),
        };
        let (mut alerts, mut control) = (self.alerts, self.control);
        let mut batch = Vec::with_capacity(BATCH);
        let mut end: Option<Instant> = None;
        let mut drained = false;
        loop {
            if end.is_some() && drained && state.is_idle() {
                return;
            }
            let end_at = end.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(end_at), if end.is_some() => return,
                Some(Done { channel, ticket, outcome }) = done.recv() => {
                    state.handle(Event::Done { channel, ticket, outcome });
                }
                request = control.recv() => {
                    // What was accepted before the request comes first.
                    for _ in 0..alerts.len() {
                        batch.extend(alerts.try_recv());
                    }
                    state.take(&mut batch);
                    match request {
                        Some(Control::Flush(reply)) => {
                            state.handle(Event::Flush);
                            state.flushes.push(reply);
                        }
                        Some(Control::Shutdown(within)) => {
                            alerts.close();
                            state.handle(Event::Flush);
                            end = Some(Instant::now() + within);
                        }
                        None => return,
                    }
                }
                count = alerts.recv_many(&mut batch, BATCH), if !drained => {
                    // Zero means closed, and nobody is in the middle of handing one in.
                    drained = count == 0;
                    state.take(&mut batch);
                    if end.is_some() {
                        state.handle(Event::Flush);
                    }
                }
                () = state.due() => state.handle(Event::Tick),
            }
            state.answer();
        }
    }
}

impl Loop {
    fn take(&mut self, batch: &mut Vec<Alert>) {
        for alert in batch.drain(..) {
            self.handle(Event::Raise(Box::new(alert)));
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn handle(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let now = self.clock.now();
            let mut engine = self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner);
            self.wake = None;
            for effect in engine.handle(event, now) {
                match effect {
                    Effect::Send { channel, ticket, notification } => {
                        if self.workers[channel].try_send(Job { ticket, notification }).is_err() {
                            let outcome = Err(NotifyError::transient("the channel's task has ended"));
                            events.push(Event::Done { channel, ticket, outcome });
                        }
                    }
                    Effect::Changed(id) if self.changes.receiver_count() > 0 => {
                        if let Some(record) = engine.record(id) {
                            // Fails only when the last receiver left meanwhile.
                            let _ = self.changes.send(record);
                        }
                    }
                    Effect::Changed(_) => {}
                    Effect::WakeAt(at) => self.wake = Some(at),
                }
            }
        }
    }

    /// Ends when the engine wants to be called.
    async fn due(&self) {
        match self.wake {
            Some(at) => tokio::time::sleep(at.since(self.clock.now())).await,
            None => std::future::pending().await,
        }
    }

    fn is_idle(&self) -> bool {
        self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner).pending() == 0
    }

    fn answer(&mut self) {
        if !self.flushes.is_empty() && self.is_idle() {
            for reply in self.flushes.drain(..) {
                // Fails only when the caller's deadline is over.
                let _ = reply.send(());
            }
        }
    }
}
