//! A lock for data that one thread uses all the time and another one rarely.
//!
//! `std::sync::Mutex` pays an atomic read-modify-write to lock and another to unlock, which is most of what
//! recording a span costs on some machines. This lock pays one: unlocking is a plain store, because there is
//! no queue of waiters to look at. Whoever finds it taken spins, then yields. That is right here and only
//! here: the other party is the pipeline's thread, which holds the lock for the swap of a few pointers.

#![allow(unsafe_code, reason = "the one place that needs it; the proof is below")]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// Mutual exclusion with one read-modify-write per turn. Not reentrant: locking twice on one thread never returns.
#[derive(Default)]
pub(super) struct OwnerLock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: a reference to the value exists only within an `OwnerGuard`, and at most one guard exists at a time:
// `lock` makes one only after it changed `held` from false to true, which is atomic, so that of two threads one
// sees true and waits; only the guard's drop sets it back. The swap's Acquire pairs with the drop's Release, so a
// new holder sees all that the last one wrote. Hence sharing the lock only ever moves the value's use from
// thread to thread, which `T: Send` allows.
unsafe impl<T: Send> Sync for OwnerLock<T> {}

impl<T> OwnerLock<T> {
    #[inline]
    pub(super) fn lock(&self) -> OwnerGuard<'_, T> {
        if self.held.swap(true, Ordering::Acquire) {
            self.wait();
        }
        OwnerGuard { lock: self }
    }

    #[cold]
    fn wait(&self) {
        let mut spins = 0u32;
        while self.held.swap(true, Ordering::Acquire) {
            // Reading does not fight for the cache line; the holder may need the core.
            while self.held.load(Ordering::Relaxed) {
                spins += 1;
                if spins < 64 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
    }
}

/// Access to the value until dropped.
pub(super) struct OwnerGuard<'a, T> {
    lock: &'a OwnerLock<T>,
}

impl<T> Deref for OwnerGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody holds a mutable reference.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for OwnerGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed mutably, so nobody holds any reference.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for OwnerGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.held.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_threads_are_inside_at_once() {
        let lock = OwnerLock::<(u64, u64)>::default();
        // Few turns under Miri, which checks every access for a race.
        let turns = if cfg!(miri) { 50 } else { 20_000 };
        std::thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    for _ in 0..turns {
                        let mut v = lock.lock();
                        assert_eq!(v.0, v.1);
                        v.0 += 1;
                        v.1 += 1;
                    }
                });
            }
        });
        assert_eq!(lock.lock().0, 3 * turns);
    }

    #[test]
    fn a_panic_inside_releases_the_lock() {
        let lock = OwnerLock::<u64>::default();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut v = lock.lock();
            *v = 7;
            panic!("inside");
        }));
        assert!(result.is_err());
        assert_eq!(*lock.lock(), 7);
    }
}
