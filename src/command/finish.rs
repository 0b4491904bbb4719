//! The end of a command that has a module.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mplp_trace::TraceModule;
use mplp_trace::module::{ShutdownError, ShutdownReport};
use tokio::runtime::Runtime;

use super::signal;

/// What is said when a second signal came.
pub(super) const GIVEN_UP: &str = "ended at once: what was not delivered by now is lost";

/// How long tasks may take to end: they hold spans.
const TASKS: Duration = Duration::from_secs(1);

/// Ends what still runs, then shuts the module down. `None` if a second signal came meanwhile.
///
/// # Errors
/// If the system gives no event loop to wait for the signal with.
pub(super) fn finish(
    runtime: Runtime,
    module: &Arc<TraceModule>,
    limit: Duration,
) -> io::Result<Option<Result<ShutdownReport, ShutdownError>>> {
    // A span that ends after the last look of the pipeline would be missed.
    runtime.shutdown_timeout(TASKS);
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ending = module.clone();
    let report = waiting.block_on(async {
        tokio::select! {
            done = tokio::task::spawn_blocking(move || ending.shutdown(limit)) => done.ok(),
            Ok(()) = signal::end() => None,
        }
    });
    waiting.shutdown_background();
    Ok(report)
}
