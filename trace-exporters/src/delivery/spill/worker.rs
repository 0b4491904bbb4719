//! The thread that delivers what the log holds.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::time::{sleep, timeout};
use trace_core::pipeline::RetryPolicy;
use trace_core::signal::ExportError;

use super::direct::{Request, Shared};
use super::lock::Lock;
use super::read::Taken;
use crate::delivery::attempt::{guarded, limited};
use crate::delivery::batch::{Batch, Target};
use crate::delivery::retry::random;

/// How often the worker looks around when nobody wakes it.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// The longest that the end of the inner exporter may take.
const LAST_CALL: Duration = Duration::from_secs(1);
/// Small frames travel together up to this many records and bytes.
const TOGETHER: u64 = 512;
const TOGETHER_BYTES: u64 = 1 << 18;

pub(super) struct Worker<B> {
    pub(super) shared: Arc<Shared<B>>,
    pub(super) inner: Box<dyn Target<B>>,
    pub(super) retry: RetryPolicy,
    /// The longest wait while the destination refuses who sends; `None` if batches are lost then.
    pub(super) misconfigured_wait: Option<Duration>,
    /// Ends with the worker.
    pub(super) _lock: Lock,
}

/// Stops waiting: what is not delivered stays on disk.
struct Stopped;

impl<B: Batch> Worker<B> {
    pub(super) fn run(self) {
        // Exporting is not traced into itself.
        trace_core::record::suppress();
        let ended = self.shared.clone();
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(self.work());
                {
                    // Inside the runtime, which its connections may want.
                    let _inside = runtime.enter();
                    drop(self);
                }
                // Waits for nobody, such as a name that is still being looked up.
                runtime.shutdown_background();
            }
            Err(e) => {
                self.shared.note(&format!("cannot start a runtime: {e}"));
                drop(self);
            }
        }
        ended.ended.send_replace(true);
        // Those who still wait for an answer get none.
        while ended.request().is_some() {}
    }

    async fn work(&self) {
        let mut synced = Instant::now();
        loop {
            if self.shared.fsync_interval.is_some_and(|every| synced.elapsed() >= every) {
                let _ = self.shared.sync();
                synced = Instant::now();
            }
            if let Some(request) = self.shared.request() {
                self.serve(request).await;
                continue;
            }
            if self.stop_at().is_some_and(|at| Instant::now() >= at) {
                break;
            }
            match self.frames() {
                Ok(frames) if !frames.is_empty() => {
                    if let Err(Stopped) = self.deliver(frames).await {
                        break;
                    }
                }
                Ok(_) if self.stop_at().is_some() => break,
                Ok(_) => {
                    let wait = self.shared.fsync_interval.unwrap_or(LOOK_AROUND);
                    let _ = timeout(wait, self.shared.wake.notified()).await;
                }
                Err(e) => {
                    self.shared.note(&e);
                    if self.stop_at().is_some() || self.pause(Duration::from_secs(1)).await.is_err() {
                        break;
                    }
                }
            }
        }
        let _ = limited(LAST_CALL, self.inner.shutdown()).await;
        self.shared.with(|log, _| {
            log.give_back();
            log.persist();
        });
        let _ = self.shared.sync();
    }

    fn stop_at(&self) -> Option<Instant> {
        *self.shared.stop.borrow()
    }

    /// Until the time is up, once there is a deadline.
    async fn stopped(&self) {
        let mut stop = self.shared.stop.subscribe();
        loop {
            let at = *stop.borrow_and_update();
            let wait = at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            if wait.is_zero() || timeout(wait, stop.changed()).await.is_ok_and(|changed| changed.is_err()) {
                return;
            }
        }
    }

    /// Waits, or until somebody is in a hurry.
    async fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        let mut stop = self.shared.stop.subscribe();
        let asked = pin!(stop.wait_for(Option::is_some));
        let (time, hurry) = (pin!(sleep(wait)), pin!(self.shared.hurry.notified()));
        match select(asked, select(time, hurry)).await {
            Either::Left(_) => Err(Stopped),
            Either::Right(_) => Ok(()),
        }
    }

    /// What the exporter asks for. Ends when nobody waits for it any more.
    async fn serve(&self, request: Request<B>) {
        match request {
            Request::Export(batch, mut answer) => {
                let result = {
                    let call = pin!(guarded(self.inner.export(&batch)));
                    match select(call, pin!(select(pin!(answer.closed()), pin!(self.stopped())))).await {
                        Either::Left((result, _)) => result,
                        Either::Right(_) => Err(ExportError::retryable("given up")),
                    }
                };
                self.shared.stats.with(|s| s.last_error = result.as_ref().err().map(ToString::to_string));
                let _ = answer.send(result);
            }
            Request::Flush(mut answer) => {
                let result = match select(pin!(guarded(self.inner.flush())), pin!(answer.closed())).await {
                    Either::Left((result, _)) => result,
                    Either::Right(_) => return,
                };
                let _ = answer.send(result);
            }
        }
    }

    /// The oldest frame, and small ones behind it.
    fn frames(&self) -> io::Result<Vec<Taken>> {
        self.shared.with(|log, _| {
            let mut frames = Vec::from_iter(log.take()?);
            let mut room = TOGETHER.saturating_sub(frames.iter().map(records).sum());
            // Not worth a look if the next one is probably as large.
            while !frames.is_empty() && room >= TOGETHER / 2 {
                // What cannot be read now is read, or passed over, when its turn comes.
                let Ok(Some(frame)) = log.take_along(room, TOGETHER_BYTES) else { break };
                room = room.saturating_sub(records(&frame));
                frames.push(frame);
            }
            Ok(frames)
        })
    }

    /// Delivers frames, or gives them up for good, or leaves them on disk.
    async fn deliver(&self, frames: Vec<Taken>) -> Result<(), Stopped> {
        let all: u64 = frames.iter().map(records).sum();
        let mut parts: Vec<B> = Vec::new();
        for frame in frames.iter().filter(|f| f.header.kind == B::KIND) {
            parts.extend(B::decode(&frame.payload).unwrap_or_default());
        }
        drop(frames);
        let there: u64 = parts.iter().map(Batch::records).sum();
        let mut lost = vec![("spill_corrupt", all.saturating_sub(there))];
        let mut rest = parts.as_slice();
        for (batch, of) in B::join(&parts) {
            let (joined, others) = rest.split_at(of.min(rest.len()));
            rest = others;
            match self.attempts(&batch).await {
                Ok(None) => {}
                // One that is bad must not cost those that travel with it.
                Ok(Some(("permanent_error" | "panic", _))) if joined.len() > 1 => {
                    for batch in joined {
                        lost.extend(self.attempts(batch).await.or_else(|Stopped| self.stop())?);
                    }
                }
                Ok(Some(loss)) => lost.push(loss),
                Err(Stopped) => return self.stop(),
            }
        }
        self.settle(all, lost);
        Ok(())
    }

    /// Leaves on disk what is under way.
    fn stop<T>(&self) -> Result<T, Stopped> {
        self.shared.with(|log, _| log.give_back());
        Err(Stopped)
    }

    fn settle(&self, all: u64, lost: Vec<(&'static str, u64)>) {
        self.shared.with(|log, changes| {
            // Less than all, if a part of it was settled before a loss of power.
            let mut left = log.in_flight.map_or(all, |f| f.records);
            for (reason, n) in lost {
                let n = n.min(left);
                left -= n;
                changes.lost.push((reason, n));
            }
            changes.delivered = left;
            log.settle();
        });
    }

    /// Repeats until the destination has taken the batch, or refused it; then with how many records it did not take.
    async fn attempts(&self, batch: &B) -> Result<Option<(&'static str, u64)>, Stopped> {
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let result = {
                let call = pin!(guarded(self.inner.export(batch)));
                match select(call, pin!(self.stopped())).await {
                    Either::Left((result, _)) => result,
                    Either::Right(_) => return Err(Stopped),
                }
            };
            let Err(e) = result else {
                self.shared.stats.with(|s| s.last_error = None);
                return Ok(None);
            };
            let held = self.misconfigured_wait.filter(|_| e.is_misconfigured());
            match held {
                Some(_) => self.shared.note(&format!("{e}; kept on disk until this is set right")),
                None => self.shared.note(&e),
            }
            if let (Some(rejected), None) = (e.rejected(), held) {
                return Ok(Some(("rejected", rejected)));
            }
            if !e.is_retryable() && held.is_none() {
                let panicked = e.to_string().ends_with("panicked");
                return Ok(Some((if panicked { "panic" } else { "permanent_error" }, batch.records())));
            }
            failed += 1;
            let wait = paced(self.retry, held).wait(failed, random(), e.retry_after());
            if began.elapsed().saturating_add(wait) > self.retry.give_up_after {
                return Ok(Some(("retries_exhausted", batch.records())));
            }
            self.shared.stats.with(|s| s.retries += 1);
            self.wait(wait, e.retry_after().is_some()).await?;
        }
    }

    /// Waits before the next attempt; what was written is forced to the disk meanwhile, when it is time. A flush cuts it
    /// short, unless the destination asked for the wait.
    async fn wait(&self, wait: Duration, asked: bool) -> Result<(), Stopped> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let step = self.shared.fsync_interval.map_or(left, |every| left.min(every));
            let began = Instant::now();
            self.pause(step).await?;
            let hurried = began.elapsed() < step && !asked;
            if self.shared.fsync_interval.is_some() {
                let _: io::Result<()> = self.shared.sync();
            }
            if hurried || Instant::now() >= until {
                return Ok(());
            }
        }
    }
}

/// Waits that grow further while somebody must first set something right.
fn paced(retry: RetryPolicy, held: Option<Duration>) -> RetryPolicy {
    RetryPolicy { max: held.map_or(retry.max, |wait| wait.max(retry.max)), ..retry }
}

fn records(frame: &Taken) -> u64 {
    frame.header.records.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_while_the_destination_does_not_know_who_sends() {
        let retry = RetryPolicy::default();
        let minute = Duration::from_secs(60);
        assert_eq!(paced(retry, Some(minute)).wait(20, 1.0, None), minute);
        assert_eq!(paced(retry, Some(minute)).wait(1, 1.0, None), retry.initial);
        assert_eq!(paced(retry, Some(Duration::from_secs(1))).wait(20, 1.0, None), retry.max);
        assert_eq!(paced(retry, None), retry);
    }
}
