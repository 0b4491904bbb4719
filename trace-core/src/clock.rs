//! Time: one cheap tick counter, anchored to Unix time.
//!
//! A span needs two clock reads, and they are most of what it costs. On x86-64 and aarch64 with an invariant
//! counter a read is one instruction (through `quanta`); elsewhere it is the monotonic clock. Ticks become Unix
//! time when a batch is sealed, so start and end of a span always share one conversion.

mod tsc;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::Timestamp;

/// Reads ticks and turns them into Unix time. Cheap to clone; clones share the anchor.
#[derive(Clone)]
pub struct Clock {
    ticks: quanta::Clock,
    /// `ticks` reads the time stamp counter, which is read without it.
    is_tsc: bool,
    anchor: Arc<Anchor>,
}

struct Anchor {
    ticks: u64,
    /// Nanoseconds in 2^40 ticks.
    scale: u64,
    /// The Unix time of `ticks`. Corrected as one word, so that a reader never sees half a correction.
    unix: AtomicU64,
    follows_system: bool,
}

impl Clock {
    /// The machine's clock. The first call in a process calibrates for up to 200 ms.
    pub fn system() -> Self {
        let ticks = quanta::Clock::new();
        let anchor = Anchor {
            ticks: ticks.raw(),
            scale: scale_of(&ticks),
            unix: AtomicU64::new(Timestamp::now().unix_nanos()),
            follows_system: true,
        };
        Self { is_tsc: tsc::is_source_of(&ticks), ticks, anchor: Arc::new(anchor) }
    }

    /// A clock that stands still at `start` until it is advanced: for tests.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let (ticks, mock) = quanta::Clock::mock();
        // Ticks of zero would read as "not set".
        mock.increment(1);
        let anchor = Anchor {
            ticks: ticks.raw(),
            scale: scale_of(&ticks),
            unix: AtomicU64::new(start.unix_nanos()),
            follows_system: false,
        };
        let anchor = Arc::new(anchor);
        (Self { ticks, is_tsc: false, anchor: anchor.clone() }, ManualClock { mock, anchor })
    }

    /// The counter now.
    #[inline(always)]
    pub fn ticks(&self) -> u64 {
        if self.is_tsc { tsc::read() } else { self.other_ticks() }
    }

    #[cold]
    #[inline(never)]
    fn other_ticks(&self) -> u64 {
        self.ticks.raw()
    }

    /// The Unix time of a counter value, before or after the anchor.
    pub fn to_unix_nanos(&self, ticks: u64) -> u64 {
        self.unix_scale().unix_nanos(ticks)
    }

    /// The conversion as it is now, for many counter values.
    #[inline]
    pub(crate) fn unix_scale(&self) -> UnixScale {
        let Anchor { ticks, scale, unix, .. } = &*self.anchor;
        UnixScale { at: *ticks, scale: *scale, unix: unix.load(Ordering::Relaxed) }
    }

    /// The time since a counter value; zero if that lies ahead.
    #[inline]
    pub fn since(&self, ticks: u64) -> Duration {
        let now = self.ticks();
        Duration::from_nanos(if now > ticks { self.ticks.delta_as_nanos(ticks, now) } else { 0 })
    }

    /// Nanoseconds from one counter value to a later one; zero if they are in the other order.
    #[inline]
    pub fn nanos_between(&self, from: u64, to: u64) -> u64 {
        if to > from { self.ticks.delta_as_nanos(from, to) } else { 0 }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.to_unix_nanos(self.ticks()))
    }

    /// Corrects the anchor by the system clock, so that the counter's error and changes of the system clock do not
    /// add up. Called by the pipeline between batches.
    pub(crate) fn realign(&self) {
        if !self.anchor.follows_system {
            return;
        }
        // A thread that is interrupted between the two clocks would shift the anchor: such a pair is not used.
        for _ in 0..3 {
            let before = self.ticks();
            let unix = Timestamp::now().unix_nanos();
            let after = self.ticks();
            if self.ticks.delta_as_nanos(before, after) < 2_000 {
                let elapsed = self.ticks.delta_as_nanos(self.anchor.ticks, before);
                self.anchor.unix.store(unix.saturating_sub(elapsed), Ordering::Relaxed);
                return;
            }
        }
    }
}

/// Ticks whose length is measured, as a power of two: a day's error is below 0.1 µs.
const SCALE: u32 = 40;

fn scale_of(ticks: &quanta::Clock) -> u64 {
    ticks.delta_as_nanos(0, 1 << SCALE)
}

/// Turns counter values into Unix time. What `quanta` does, without a call for each value: spans are many.
#[derive(Clone, Copy)]
pub(crate) struct UnixScale {
    at: u64,
    scale: u64,
    unix: u64,
}

impl UnixScale {
    /// The Unix time of a counter value, before or after the anchor.
    #[inline(always)]
    pub(crate) fn unix_nanos(self, ticks: u64) -> u64 {
        let nanos = |ticks: u64| ((u128::from(ticks) * u128::from(self.scale)) >> SCALE) as u64;
        match ticks.checked_sub(self.at) {
            Some(after) => self.unix.saturating_add(nanos(after)),
            None => self.unix.saturating_sub(nanos(self.at - ticks)),
        }
    }

    /// Start and end of a span, which does not end before it starts: counters of two processors may differ a little.
    #[inline(always)]
    pub(crate) fn pair(self, start: u64, end: u64) -> (u64, u64) {
        let at = self.unix_nanos(start);
        (at, self.unix_nanos(end).max(at))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish()
    }
}

/// Advances a manual [`Clock`].
#[derive(Clone)]
pub struct ManualClock {
    mock: Arc<quanta::Mock>,
    anchor: Arc<Anchor>,
}

impl ManualClock {
    /// Lets this much time pass.
    pub fn advance(&self, by: Duration) {
        self.mock.increment(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Sets Unix time forward or back by so many nanoseconds, as an operator or a time server does; the counter goes on
    /// as if nothing had happened.
    pub fn step(&self, nanos: i64) {
        self.anchor.unix.fetch_add(nanos.cast_unsigned(), Ordering::Relaxed);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManualClock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start = Timestamp::from_unix_secs(1_000_000);
        let (clock, manual) = Clock::manual(start);
        assert_eq!(clock.now(), start);
        let before = clock.ticks();
        manual.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), start + Duration::from_millis(1500));
        assert_eq!(clock.to_unix_nanos(before), start.unix_nanos());
        assert_eq!(clock.since(before), Duration::from_millis(1500));
        assert_eq!(clock.since(clock.ticks() + 1), Duration::ZERO);
    }

    #[test]
    fn a_day_of_ticks_is_as_long_as_the_counter_says() {
        let clock = Clock::system();
        let scale = clock.unix_scale();
        for seconds in [0, 1, 60, 86_400] {
            let ticks = seconds * 1_000_000_001;
            let expected = clock.ticks.delta_as_nanos(scale.at, scale.at + ticks);
            assert!(
                (scale.unix_nanos(scale.at + ticks) - scale.unix).abs_diff(expected) < 150,
                "{seconds} s"
            );
        }
    }

    #[test]
    fn the_system_clock_agrees_with_the_operating_system() {
        let clock = Clock::system();
        let (before, now, after) = (Timestamp::now(), clock.now(), Timestamp::now());
        let slack = Duration::from_millis(50);
        assert!(before - slack <= now && now <= after + slack, "{before} {now} {after}");
    }
}
