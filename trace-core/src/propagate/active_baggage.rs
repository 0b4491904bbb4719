//! The baggage of the work in progress on a thread.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use super::Baggage;
use super::baggage_home as home;

static NOTHING: LazyLock<Arc<Baggage>> = LazyLock::new(Arc::default);

/// The baggage that is active on this thread: what [`inject_current`](super::inject_current) sends along. Empty if
/// there is none. With the feature `otel` it is that of `opentelemetry::Context`, so that either API sees what the
/// other has set.
pub fn current_baggage() -> Arc<Baggage> {
    home::current().unwrap_or_else(|| NOTHING.clone())
}

/// Makes a baggage the active one of this thread until the guard is dropped, in place of the one before. To add a
/// member, clone the current one.
///
/// ```
/// use trace_core::propagate::{Baggage, current_baggage, enter_baggage};
///
/// let mut baggage = Baggage::clone(&current_baggage());
/// baggage.insert("mplp.plan_id", "plan-7")?;
/// let _guard = enter_baggage(baggage);
/// assert_eq!(current_baggage().get("mplp.plan_id"), Some("plan-7"));
/// # Ok::<(), trace_core::propagate::InvalidBaggage>(())
/// ```
pub fn enter_baggage(baggage: impl Into<Arc<Baggage>>) -> BaggageGuard {
    BaggageGuard { _entered: home::enter(baggage.into()), not_send: PhantomData }
}

/// What [`enter_baggage`] returns. Guards are dropped in the reverse order of their creation.
#[must_use = "the baggage is active until the guard is dropped"]
pub struct BaggageGuard {
    _entered: home::Entered,
    not_send: PhantomData<*const ()>,
}

impl fmt::Debug for BaggageGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaggageGuard").field("not_send", &self.not_send).finish()
    }
}

/// Runs a future with a baggage.
pub trait InBaggage: Future + Sized {
    /// The baggage is active whenever the future is polled, on whatever thread, and while it is dropped.
    fn in_baggage(self, baggage: impl Into<Arc<Baggage>>) -> BaggageFuture<Self> {
        BaggageFuture { future: Some(Box::pin(self)), baggage: baggage.into() }
    }

    /// The same with the baggage that is active now: for `spawn`, which takes a future to another thread.
    fn in_current_baggage(self) -> BaggageFuture<Self> {
        self.in_baggage(current_baggage())
    }
}

impl<F: Future> InBaggage for F {}

/// A future with a baggage; see [`InBaggage`].
#[derive(Debug)]
pub struct BaggageFuture<F> {
    /// Gone when the future is dropped, which happens within the baggage.
    future: Option<Pin<Box<F>>>,
    baggage: Arc<Baggage>,
}

impl<F: Future> Future for BaggageFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _guard = enter_baggage(this.baggage.clone());
        match &mut this.future {
            Some(future) => future.as_mut().poll(cx),
            // Only `drop` takes it.
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for BaggageFuture<F> {
    fn drop(&mut self) {
        let _guard = enter_baggage(self.baggage.clone());
        self.future = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Recorder;

    fn with(key: &str, value: &str) -> Baggage {
        let mut baggage = Baggage::EMPTY;
        baggage.insert(key, value).unwrap();
        baggage
    }

    fn seen() -> String {
        current_baggage().to_header()
    }

    #[test]
    fn the_innermost_baggage_is_active_until_its_guard_is_dropped() {
        assert_eq!(seen(), "");
        let outer = enter_baggage(with("a", "1"));
        {
            let _inner = enter_baggage(with("b", "2"));
            assert_eq!(seen(), "b=2");
            let _nothing = enter_baggage(Baggage::EMPTY);
            assert_eq!(seen(), "");
        }
        assert_eq!(seen(), "a=1");
        drop(outer);
        assert_eq!(seen(), "");
    }

    #[test]
    fn spans_do_not_hide_the_baggage_nor_end_it() {
        let (recorder, _drain) = Recorder::builder().build();
        let guard = enter_baggage(Baggage::parse(["z=1,a=2;p"]));
        let span = recorder.span("work").enter();
        assert_eq!(seen(), "z=1,a=2;p");
        drop(span);
        assert_eq!(seen(), "z=1,a=2;p");
        drop(guard);
        assert_eq!(seen(), "");
    }

    #[test]
    fn each_thread_has_its_own() {
        let _guard = enter_baggage(with("a", "1"));
        assert_eq!(std::thread::spawn(seen).join().unwrap(), "");
    }

    #[tokio::test]
    async fn a_future_carries_its_baggage_to_wherever_it_is_polled_and_dropped() {
        struct SeesAtDrop(Arc<std::sync::Mutex<String>>);
        impl Drop for SeesAtDrop {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = seen();
            }
        }
        let at_drop = Arc::<std::sync::Mutex<String>>::default();
        let held = SeesAtDrop(at_drop.clone());
        let work = async move {
            let _held = held;
            let first = seen();
            tokio::task::yield_now().await;
            first + "|" + &seen()
        };
        let task = {
            let _guard = enter_baggage(with("a", "1"));
            tokio::spawn(work.in_current_baggage())
        };
        assert_eq!(seen(), "");
        assert_eq!(task.await.unwrap(), "a=1|a=1");
        assert_eq!(*at_drop.lock().unwrap(), "a=1");
        assert_eq!(seen(), "");
    }

    #[test]
    fn a_guard_of_a_dying_thread_does_no_harm() {
        struct AtExit;
        impl Drop for AtExit {
            fn drop(&mut self) {
                let _guard = enter_baggage(with("a", "1"));
                let _ = seen();
            }
        }
        thread_local!(static EXIT: AtExit = const { AtExit });
        let thread = std::thread::spawn(|| {
            EXIT.with(|_| ());
            let _guard = enter_baggage(with("b", "2"));
            seen()
        });
        assert_eq!(thread.join().unwrap(), "b=2");
    }
}
