//! The wish to end.

use std::io;

/// Completes on Ctrl-C, and on SIGTERM where there is one.
///
/// # Errors
/// If the system does not tell of signals.
#[cfg(unix)]
pub(super) async fn end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Completes on Ctrl-C.
///
/// # Errors
/// If the system does not tell of signals.
#[cfg(not(unix))]
pub(super) async fn end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
