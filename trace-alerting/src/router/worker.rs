//! One channel's task: one attempt at a time, ended by a timeout, panics caught.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use trace_core::signal::{Delivered, Notification, Notifier, NotifyError};

/// An attempt to make.
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) notification: Box<Notification>,
}

/// An attempt made.
pub(super) struct Done {
    pub(super) channel: usize,
    pub(super) ticket: u64,
    pub(super) outcome: Result<Delivered, NotifyError>,
}

/// Works until the driver is gone.
pub(super) async fn work(
    channel: usize,
    notifier: Arc<dyn Notifier>,
    timeout: Duration,
    mut jobs: mpsc::Receiver<Job>,
    done: mpsc::Sender<Done>,
) {
    while let Some(job) = jobs.recv().await {
        let outcome = attempt(Arc::clone(&notifier), job.notification, timeout).await;
        if done.send(Done { channel, ticket: job.ticket, outcome }).await.is_err() {
            return;
        }
    }
}

async fn attempt(
    notifier: Arc<dyn Notifier>,
    notification: Box<Notification>,
    timeout: Duration,
) -> Result<Delivered, NotifyError> {
    // A task of its own turns a panic into a value.
    let mut task = tokio::spawn(async move { notifier.notify(&notification).await });
    match tokio::time::timeout(timeout, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(NotifyError::unknown("the notifier panicked")),
        Err(_) => {
            task.abort();
            Err(NotifyError::unknown(format!("no answer within {} ms", timeout.as_millis())))
        }
    }
}
