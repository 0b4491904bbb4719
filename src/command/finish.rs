//! The end of a command that has a module.

use std::sync::Arc;
use std::time::Duration;

use mplp_trace::TraceModule;
use mplp_trace::module::{ShutdownError, ShutdownReport};
use tokio::runtime::Runtime;

use super::signal;

/// What is said when a second signal came.
pub(super) const GIVEN_UP: &str = "ended at once: what was not delivered by now is lost";

/// Shuts the module down. `None` if a second signal came meanwhile.
pub(super) fn finish(
    runtime: Runtime,
    module: &Arc<TraceModule>,
    limit: Duration,
) -> Option<Result<ShutdownReport, ShutdownError>> {
    let ending = module.clone();
    let report = runtime.block_on(async {
        tokio::select! {
            done = tokio::task::spawn_blocking(move || ending.shutdown(limit)) => done.ok(),
            Ok(()) = signal::end() => None,
        }
    });
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    report
}
