//! What a source of spans does when the buffers are full.

use std::time::{Duration, Instant};

/// What a source of spans does when there is no room for another one.
///
/// Each door has a handle of its own, so each may have a policy of its own: give the `tracing` layer, the provider of
/// the `opentelemetry` API and the global recorder of `span!` the same recorder
/// [`with_overflow`](super::Recorder::with_overflow) of their own choice; an
/// [`Ingest`](crate::pipeline::Ingest) takes one when it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverflowPolicy {
    /// What does not fit is dropped and counted. Never delays anybody.
    #[default]
    Drop,
    /// The caller waits for room; what still does not fit is dropped and counted. While it waits, the pipeline's
    /// thread makes room, so a span is lost only if that takes longer.
    Block {
        /// The longest wait for one span or batch.
        limit: Duration,
        /// Whether to wait on a thread of an asynchronous runtime too, where it holds up other tasks. If not, a
        /// source on such a thread drops.
        on_async_threads: bool,
    },
}

/// Between two looks while waiting.
const LOOK: Duration = Duration::from_micros(200);

impl OverflowPolicy {
    /// Waits up to `limit`, but not on threads of an asynchronous runtime.
    pub const fn block(limit: Duration) -> Self {
        Self::Block { limit, on_async_threads: false }
    }

    /// How long the calling thread may wait; `None` if it must not.
    pub(crate) fn limit_here(self) -> Option<Duration> {
        match self {
            Self::Drop => None,
            Self::Block { limit, on_async_threads } => {
                let may = on_async_threads || tokio::runtime::Handle::try_current().is_err();
                may.then_some(limit)
            }
        }
    }

    /// Asks `attempt` until it succeeds or the time is up. `wake` asks for room to be made.
    #[cold]
    pub(crate) fn wait<T>(self, wake: impl Fn(), mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
        let limit = self.limit_here()?;
        let began = Instant::now();
        while began.elapsed() < limit {
            wake();
            std::thread::park_timeout(LOOK.min(limit));
            if let Some(done) = attempt() {
                return Some(done);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_stays_off_async_threads_unless_asked() {
        let limit = Duration::from_secs(1);
        let polite = OverflowPolicy::block(limit);
        let insistent = OverflowPolicy::Block { limit, on_async_threads: true };
        assert_eq!([polite.limit_here(), insistent.limit_here()], [Some(limit), Some(limit)]);
        assert_eq!(OverflowPolicy::Drop.limit_here(), None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inside = runtime.block_on(async { [polite.limit_here(), insistent.limit_here()] });
        assert_eq!(inside, [None, Some(limit)]);
    }

    #[test]
    fn a_wait_ends_with_room_or_with_the_time() {
        let policy = OverflowPolicy::block(Duration::from_secs(60));
        let mut looks = 0;
        let room = policy.wait(|| {}, || (looks.eq(&2).then_some("room"), looks += 1).0);
        assert_eq!(room, Some("room"));
        let never = OverflowPolicy::block(Duration::from_millis(1)).wait(|| {}, || None::<()>);
        assert_eq!(never, None);
    }
}
