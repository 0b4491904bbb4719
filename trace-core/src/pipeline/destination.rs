//! One destination: a queue, a thread with its runtime, batching, attempts and accounts.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::config::DestinationConfig;
use super::inside::PipelineId;
use super::payload::{Payload, Sink};
use super::queue::{Capacity, FlushDone, Job, Queue, Refused};
use crate::signal::ExportError;
use crate::tenant::Slot;

/// The moment after this time; a time without end is one of years, which an `Instant` can hold.
pub(super) fn deadline_in(time: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(3600 * 24 * 365 * 10);
    Instant::now() + time.min(YEARS)
}

/// Waits for a thread that was asked to end; one that does not, because users' code holds it, is left behind.
pub(super) fn join_until(thread: JoinHandle<()>, last: Instant) {
    while !thread.is_finished() {
        if Instant::now() >= last {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let _ = thread.join();
}

/// The pipeline's end of a destination.
pub(super) struct Destination<P> {
    queue: Arc<Queue<P>>,
    account: Arc<Account>,
    /// When set, what has not been delivered by then is dropped.
    deadline: Arc<Mutex<Option<Instant>>>,
    wants_unsampled: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

impl<P: Payload> Destination<P> {
    pub(super) fn start(
        pipeline: PipelineId,
        name: &str,
        sink: impl Sink<P> + 'static,
        config: DestinationConfig,
    ) -> std::io::Result<Self> {
        let capacity = Capacity { bytes: config.queue_bytes, records: config.queue_records };
        let queue = Arc::new(Queue::new(capacity));
        let account = Arc::new(Account::new(name, config.component, P::SIGNAL, capacity, sink.keeper()));
        let deadline = Arc::new(Mutex::new(None));
        let (done, finished) = oneshot::channel();
        let worker = Worker {
            queue: queue.clone(),
            account: account.clone(),
            deadline: deadline.clone(),
            config,
            jitter: std::cell::Cell::new(0x9e37_79b9_7f4a_7c15),
        };
        let thread = std::thread::Builder::new().name(format!("mplp-out-{name}")).spawn(move || {
            pipeline.join();
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    runtime.block_on(worker.run(&sink));
                    let _ = done.send(());
                    // Inside the runtime, which its tasks and connections may want; it waits for nobody.
                    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
                        let _inside = runtime.enter();
                        drop(sink);
                    }));
                    runtime.shutdown_background();
                }
                Err(e) => {
                    worker.give_up("panic", Some(format!("cannot start a runtime: {e}")));
                    let _ = done.send(());
                }
            }
        })?;
        Ok(Self {
            queue,
            account,
            deadline,
            wants_unsampled: config.record_only,
            thread: Mutex::new(Some(thread)),
            finished: Mutex::new(Some(finished)),
        })
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Whether spans that are not sampled go here too.
    pub(super) fn wants_unsampled(&self) -> bool {
        self.wants_unsampled
    }

    /// Hands a payload over, or drops and counts it. `lost` is told how many records of which tenant had to go.
    pub(super) fn offer(&self, payload: P, tenant: Slot, lost: impl Fn(Slot, u64)) {
        let n = payload.records();
        self.account.receive(n);
        let pushed = self.queue.push(payload, tenant);
        for (gone, of) in pushed.evicted {
            self.account.lose(gone.records(), "queue_full", None);
            lost(of, gone.records());
        }
        match pushed.refused {
            None => {}
            Some(Refused::Closed) => self.account.lose(n, "shutdown", None),
            Some(Refused::Full) => {
                self.account.lose(n, "queue_full", None);
                lost(tenant, n);
            }
        }
    }

    /// Hands payloads of nobody in particular over, all or none; those that are not taken are not counted.
    pub(super) fn hand_in(&self, payloads: &[P]) -> Result<(), Refused> {
        let n = payloads.iter().map(P::records).sum();
        self.account.receive(n);
        let pushed = self.queue.push_all(payloads);
        if pushed.is_err() {
            self.account.take_back(n);
        }
        pushed
    }

    /// Counts records as lost that were refused here and taken elsewhere.
    pub(super) fn count_refused(&self, n: u64, why: Refused) {
        self.account.receive(n);
        self.account.lose(n, if why == Refused::Full { "queue_full" } else { "shutdown" }, None);
    }

    /// Flushes behind everything that has been offered.
    pub(super) fn flush(&self, done: FlushDone) {
        self.queue.flush(done);
    }

    /// Lets the thread finish what is queued, until the deadline.
    pub(super) fn close(&self, deadline: Instant) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        self.queue.close();
    }

    /// Waits for the thread until the deadline; a thread that is stuck inside an exporter is left behind.
    pub(super) fn join(&self, deadline: Instant) {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut finished) = finished else { return };
        // A little longer than the deadline, so that the thread can account for what it gives up.
        let last = deadline + Duration::from_millis(200);
        while matches!(finished.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            if Instant::now() >= last {
                for (p, _) in self.queue.drain() {
                    self.account.lose(p.records(), "shutdown", None);
                }
                return;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // All is accounted for. What is left is the exporter's own destructor.
        join_until(thread, last);
    }
}

impl<P> Drop for Destination<P> {
    /// Usually closed before; not if the pipeline could not be started.
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Worker<P> {
    queue: Arc<Queue<P>>,
    account: Arc<Account>,
    deadline: Arc<Mutex<Option<Instant>>>,
    config: DestinationConfig,
    jitter: std::cell::Cell<u64>,
}

impl<P: Payload> Worker<P> {
    async fn run(&self, sink: &dyn Sink<P>) {
        while let Some(job) = self.queue.pop().await {
            match job {
                Job::Export(first, _) => {
                    for payload in self.gather(first).await {
                        for piece in payload.split(self.config.max_batch) {
                            let n = piece.records();
                            self.account.begin(n);
                            self.deliver(sink, piece).await;
                            self.account.finish(n);
                        }
                    }
                }
                Job::Flush(done) => {
                    let result = self.guarded(sink.flush()).await.map_err(|e| e.to_string());
                    let _ = done.send(result);
                }
            }
        }
        if let Err(e) = self.guarded(sink.shutdown()).await {
            self.account.lose(0, "shutdown", Some(e.to_string()));
        }
    }

    /// Waits for more to send along, unless somebody waits for us.
    async fn gather(&self, first: P) -> Vec<P> {
        let mut records = first.records();
        let mut parts = vec![first];
        let until = deadline_in(self.config.max_delay).into();
        while records < self.config.max_batch as u64 {
            if let Some(p) = self.queue.try_pop_payload() {
                records += p.records();
                parts.push(p);
            } else if self.queue.is_urgent()
                || tokio::time::timeout_at(until, self.queue.changed()).await.is_err()
            {
                break;
            }
        }
        P::merge(parts)
    }

    async fn deliver(&self, sink: &dyn Sink<P>, payload: P) {
        let n = payload.records();
        let began = Instant::now();
        let mut failed = 0;
        loop {
            if self.remaining().is_some_and(|left| left.is_zero()) {
                return self.account.lose(n, "shutdown", None);
            }
            let at = Instant::now();
            let result = self.guarded(sink.export(&payload)).await;
            self.account.took(at.elapsed(), &result);
            let Err(e) = result else { return self.account.deliver(n) };
            if let Some(rejected) = e.rejected() {
                let rejected = rejected.min(n);
                self.account.deliver(n - rejected);
                return self.account.lose(rejected, "rejected", Some(e.to_string()));
            }
            if !e.is_retryable() {
                let reason = if e.to_string().starts_with(PANIC) { "panic" } else { "permanent_error" };
                return self.account.lose(n, reason, Some(e.to_string()));
            }
            failed += 1;
            let wait = self.config.retry.wait(failed, self.random(), e.retry_after());
            if began.elapsed().saturating_add(wait) > self.config.retry.give_up_after {
                return self.account.lose(n, "retries_exhausted", Some(e.to_string()));
            }
            self.account.retry(e.to_string());
            if !self.wait(wait).await {
                return self.account.lose(n, "shutdown", Some(e.to_string()));
            }
        }
    }

    /// One call of the exporter: bounded in time, also by a shutdown that comes meanwhile; a panic becomes an error.
    async fn guarded(&self, call: impl Future<Output = Result<(), ExportError>>) -> Result<(), ExportError> {
        let began = Instant::now();
        let mut call = CatchUnwind(Box::pin(call));
        loop {
            let left = self.remaining().unwrap_or(Duration::MAX);
            let left = left.min(self.config.timeout.saturating_sub(began.elapsed()));
            // A deadline may be set at any time, so it is looked at again from time to time.
            match timeout(left.min(Duration::from_millis(25)), &mut call).await {
                Ok(Err(())) => break drop_guarded(call, Err(ExportError::permanent(PANIC))),
                Ok(Ok(result)) => break drop_guarded(call, result),
                Err(_) if left <= Duration::from_millis(25) => {
                    let late = format!("no answer within {:?}", began.elapsed());
                    break drop_guarded(call, Err(ExportError::retryable(late)));
                }
                Err(_) => {}
            }
        }
    }

    /// Waits; `false` if the deadline comes first. A shutdown shortens the wait to its deadline.
    async fn wait(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            let now = Instant::now();
            if now >= until {
                return true;
            }
            match self.remaining() {
                Some(left) if now + left < until => {
                    sleep(left.min(Duration::from_millis(50))).await;
                    if left.is_zero() {
                        return false;
                    }
                }
                _ => sleep((until - now).min(Duration::from_millis(50))).await,
            }
        }
    }

    fn remaining(&self) -> Option<Duration> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map(|d| d.saturating_duration_since(Instant::now()))
    }

    /// Drops everything that is and will be queued.
    fn give_up(&self, reason: &'static str, error: Option<String>) {
        self.queue.close();
        for (p, _) in self.queue.drain() {
            self.account.lose(p.records(), reason, error.clone());
        }
    }

    /// Uniform in [0, 1): xorshift64, good enough to spread retries.
    fn random(&self) -> f64 {
        let mut x = self.jitter.get() ^ std::ptr::from_ref(self) as u64;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.jitter.set(x);
        (x >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Drops an exporter's future, whose destructors may panic too; then that is the result, unless the call succeeded.
fn drop_guarded<F>(call: CatchUnwind<F>, result: Result<(), ExportError>) -> Result<(), ExportError> {
    match std::panic::catch_unwind(AssertUnwindSafe(|| drop(call))) {
        Err(_) if result.is_err() => Err(ExportError::permanent(PANIC)),
        _ => result,
    }
}

const PANIC: &str = "the exporter panicked";

/// A future whose panics become errors.
struct CatchUnwind<F>(std::pin::Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, ()>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => std::task::Poll::Ready(Err(())),
        }
    }
}
