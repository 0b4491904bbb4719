//! Calls into parts that are not ours: bounded in time, and their panics stay with them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;

use crate::error::IntegrationError;
use crate::error_info::ErrorInfo;

fn panicked(part: &'static str, payload: &(dyn std::any::Any + Send)) -> IntegrationError {
    IntegrationError::Panicked { part, message: ErrorInfo::of_panic(payload).message }
}

/// Runs a call; a panic becomes an error.
pub(super) fn caught<T>(part: &'static str, call: impl FnOnce() -> T) -> Result<T, IntegrationError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|p| panicked(part, &*p))
}

/// Awaits a call; a panic becomes an error, and within a Tokio runtime so does taking longer than the limit.
/// Outside of one there is no timer, and no limit.
pub(super) async fn bounded<T>(
    part: &'static str,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Result<T, IntegrationError> {
    let timed = tokio::runtime::Handle::try_current().is_ok();
    let call = async move {
        if timed {
            tokio::time::timeout(limit, call).await.map_err(|_| IntegrationError::Timeout { part, limit })
        } else {
            Ok(call.await)
        }
    };
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|p| Err(panicked(part, &*p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_hangs_or_panics_becomes_an_error() {
        assert_eq!(bounded("p", LIMIT, async { 1 }).await.unwrap(), 1);
        let hung = bounded("p", LIMIT, std::future::pending::<()>()).await;
        assert_eq!(hung.unwrap_err().to_string(), "p did not answer within 1s");
        let panicked = bounded::<()>("p", LIMIT, async { panic!("broken") }).await;
        assert_eq!(panicked.unwrap_err().to_string(), "p panicked: broken");
        assert!(caught("p", || -> u8 { panic!("broken") }).is_err());
    }

    #[test]
    fn no_runtime_is_needed() {
        assert_eq!(bounded("p", LIMIT, async { 1 }).now_or_never().unwrap().unwrap(), 1);
    }
}
