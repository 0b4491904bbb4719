//! The one task behind all streams.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use trace_core::model::{AlertRecord, Anomaly, TenantId, Timestamp};
use trace_core::store::EndedTrace;

use super::collect::Source;
use super::event::LiveEvent;
use crate::module::TraceModule;
use crate::server::trace_view;

/// Events that a subscriber may be behind before it is cut off.
const BACKLOG: usize = 256;
/// Seconds that a new subscriber is told of.
const HISTORY: usize = 300;
/// Traces told in one second, besides failed ones.
const TRACES_PER_SECOND: usize = 5;
/// Failed traces told in one second.
const FAILURES_PER_SECOND: usize = 5;
/// How long after a second its figures are told, so that spans on their way still count.
const GRACE: Duration = Duration::from_millis(300);

/// Feeds all streams. Its task ends with it.
#[derive(Debug)]
pub(in crate::server) struct LiveHub {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) source: Source,
    sender: Sender<LiveEvent>,
    past: Mutex<Past>,
}

#[derive(Debug, Default)]
struct Past {
    ticks: VecDeque<Value>,
    latest: Option<LiveEvent>,
}

impl LiveHub {
    /// Starts the task on the current runtime.
    pub(in crate::server) fn start(module: &Arc<TraceModule>) -> Arc<Self> {
        let (sender, _) = broadcast::channel(BACKLOG);
        let shared = Arc::new(Shared { source: Source::new(module), sender, past: Mutex::default() });
        let traces = module.store().subscribe();
        let anomalies = module.service().anomaly_log().subscribe();
        let alerts = module.alerts().map(|router| router.subscribe());
        let task = tokio::spawn(run(shared.clone(), traces, anomalies, alerts));
        Arc::new(Self { shared, task })
    }

    /// A stream from now on, and what is known at this moment.
    pub(super) async fn subscribe(&self) -> (Vec<LiveEvent>, Receiver<LiveEvent>) {
        // First the stream: what happens meanwhile comes twice rather than never.
        let receiver = self.shared.sender.subscribe();
        let (ticks, latest) = {
            let past = self.shared.lock();
            (past.ticks.iter().cloned().collect::<Vec<_>>(), past.latest.clone())
        };
        let mut events: Vec<LiveEvent> = Vec::new();
        events.extend(LiveEvent::new("history", &json!({ "ticks": ticks })));
        events.extend(self.shared.source.snapshot().await);
        events.extend(latest.or_else(|| self.shared.source.tick(Timestamp::now())));
        (events, receiver)
    }

    /// Streams that are open.
    pub(super) fn subscribers(&self) -> usize {
        self.shared.sender.receiver_count()
    }

    /// Ends all streams.
    pub(in crate::server) fn close(&self) {
        let _ = self.shared.sender.send(LiveEvent::End);
    }
}

impl Drop for LiveHub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends to whoever listens.
    fn tell(&self, event: Option<LiveEvent>) {
        if let Some(event) = event {
            let _ = self.sender.send(event);
        }
    }

    fn tick(&self, now: Timestamp) {
        let requests = self.source.requests(now);
        // Without listeners only the history is kept up.
        let event = if self.sender.receiver_count() > 0 { self.source.tick(now) } else { None };
        let mut past = self.lock();
        past.ticks.push_back(requests);
        while past.ticks.len() > HISTORY {
            past.ticks.pop_front();
        }
        past.latest.clone_from(&event);
        drop(past);
        self.tell(event);
    }
}

async fn run(
    shared: Arc<Shared>,
    mut traces: Receiver<EndedTrace>,
    mut anomalies: Receiver<Anomaly>,
    mut alerts: Option<Receiver<AlertRecord>>,
) {
    let mut ticks = tokio::time::interval_at(next_second(), Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut told, mut failed) = (0, 0);
    // The page shows the default tenant.
    let tenant = TenantId::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                (told, failed) = (0, 0);
                shared.tick(Timestamp::now());
            }
            trace = traces.recv() => match trace {
                Ok(ended) if ended.tenant == tenant => {
                    let trace = ended.trace;
                    let (count, limit) = if trace.error_count > 0 {
                        (&mut failed, FAILURES_PER_SECOND)
                    } else {
                        (&mut told, TRACES_PER_SECOND)
                    };
                    *count += 1;
                    if *count <= limit {
                        shared.tell(LiveEvent::new("trace", &trace_view::summary(&trace)));
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            anomaly = anomalies.recv() => match anomaly {
                Ok(anomaly) if anomaly.tenant == tenant => shared.tell(LiveEvent::new("anomaly", &anomaly)),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            alert = next(&mut alerts) => match alert {
                Ok(record) if record.alert.tenant == tenant => shared.tell(LiveEvent::new("alert", &record)),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                // Alerting may end before the rest.
                Err(RecvError::Closed) => alerts = None,
            },
        }
    }
}

/// The next alert; never, if there is no alerting.
async fn next(alerts: &mut Option<Receiver<AlertRecord>>) -> Result<AlertRecord, RecvError> {
    match alerts {
        Some(alerts) => alerts.recv().await,
        None => std::future::pending().await,
    }
}

/// Shortly after the next second of the wall clock.
fn next_second() -> Instant {
    let into = Duration::from_nanos(Timestamp::now().unix_nanos() % 1_000_000_000);
    Instant::now() + (Duration::from_secs(1) - into) + GRACE
}
