//! The wish to end.

use std::io;

/// Completes on Ctrl-C, and on SIGTERM where there is one.
///
/// # Errors
/// If the system does not tell of signals.
pub(super) async fn end() -> io::Result<()> {
    wish()?.await
}

/// The same, of what comes from this call on: until then a signal ends the process at once. Needs a Tokio runtime.
///
/// # Errors
/// If the system does not tell of signals.
#[cfg(unix)]
pub(super) fn wish() -> io::Result<impl Future<Output = io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

/// Completes on Ctrl-C.
///
/// # Errors
/// If the system does not tell of signals.
#[cfg(not(unix))]
pub(super) fn wish() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}
