//! Runs an official exporter where it may block and where it finds a runtime.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use opentelemetry_sdk::error::OTelSdkError;

use super::redact::without_secrets;
use crate::record::suppress_scope;
use crate::signal::ExportError;

/// Why an official exporter could not be built.
pub(super) type BuildError = Box<dyn Error + Send + Sync>;

type Build<E> = Box<dyn FnMut() -> Result<E, BuildError> + Send>;

/// An official exporter, or how to build one.
///
/// Official exporters are written for a plain thread of the SDK's: some block in `export` (`reqwest::blocking`), which
/// must not happen on a runtime's thread; others need a Tokio runtime around them (`tonic`, `hyper`). A thread of the
/// destination's blocking pool serves both: it may block, and the runtime that drives sockets, timers and tasks is at hand.
pub(super) struct Hosted<E>(Arc<Mutex<State<E>>>);

enum State<E> {
    Unbuilt(Build<E>),
    Built(E),
    Closed,
}

impl<E: Send + 'static> Hosted<E> {
    pub(super) fn new(exporter: E) -> Self {
        Self(Arc::new(Mutex::new(State::Built(exporter))))
    }

    pub(super) fn build_with(build: impl FnMut() -> Result<E, BuildError> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State::Unbuilt(Box::new(build)))))
    }

    /// Runs with the exporter, never twice at the same time, and records no telemetry meanwhile. If the caller does
    /// not wait for the answer, the call goes on.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut E) -> R + Send + 'static,
    ) -> Result<R, ExportError> {
        let state = self.0.clone();
        on_blocking_thread(move || {
            with_state(&state, |state| {
                if let State::Unbuilt(build) = state {
                    let built = build().map_err(|e| {
                        let why = without_secrets(&e.to_string());
                        ExportError::retryable(format!("the official exporter could not be built: {why}"))
                    })?;
                    *state = State::Built(built);
                }
                match state {
                    State::Built(exporter) => Ok(call(exporter)),
                    _ => Err(ExportError::permanent("the official exporter is shut down")),
                }
            })
        })
        .await
    }

    /// The same, but only if the exporter has been built.
    pub(super) async fn run_if_built<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut E) -> R + Send + 'static,
    ) -> Result<Option<R>, ExportError> {
        let state = self.0.clone();
        on_blocking_thread(move || {
            with_state(&state, |state| match state {
                State::Built(exporter) => Ok(Some(call(exporter))),
                _ => Ok(None),
            })
        })
        .await
    }

    /// Runs with the exporter if it has been built. It is then dropped, on a thread where that may block.
    pub(super) async fn close<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut E) -> R + Send + 'static,
    ) -> Result<Option<R>, ExportError> {
        let state = self.0.clone();
        on_blocking_thread(move || {
            with_state(&state, |state| match std::mem::replace(state, State::Closed) {
                State::Built(mut exporter) => Ok(Some(call(&mut exporter))),
                _ => Ok(None),
            })
        })
        .await
    }
}

fn with_state<E, R>(
    state: &Mutex<State<E>>,
    call: impl FnOnce(&mut State<E>) -> Result<R, ExportError>,
) -> Result<R, ExportError> {
    let mut state = match state.try_lock() {
        Ok(state) => state,
        // A panic of the exporter is its own affair; the pipeline counts it.
        Err(TryLockError::Poisoned(state)) => state.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(ExportError::retryable(
                "the official exporter is still busy with an earlier call: give it a shorter timeout than the destination's",
            ));
        }
    };
    let _quiet = suppress_scope();
    call(&mut state)
}

async fn on_blocking_thread<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, ExportError> + Send + 'static,
) -> Result<R, ExportError> {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return work() };
    match runtime.spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
        Err(e) => Err(ExportError::retryable("the destination's runtime is shutting down").caused_by(e)),
    }
}

/// Waits for a future on a thread that may block.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Whether an error of an official exporter is worth another attempt, unless the user says otherwise.
pub(super) fn retry_timeouts(error: &OTelSdkError) -> bool {
    matches!(error, OTelSdkError::Timeout(_))
}

/// An error of an official exporter as ours, without what a URL in it may hide.
pub(super) fn export_error(error: OTelSdkError, retry_if: fn(&OTelSdkError) -> bool) -> ExportError {
    let message = without_secrets(&error.to_string());
    let is_retryable = retry_if(&error);
    if is_retryable { ExportError::retryable(message) } else { ExportError::permanent(message) }
}
