//! Identifiers: wyrand per thread, seeded from the operating system.

use std::hash::{BuildHasher, Hasher};

use crate::model::{SpanId, TraceId};

/// A wyrand generator (Wang Yi, 2019): 64 bits from one multiplication. Not for secrets.
pub(super) struct IdGenerator {
    state: u64,
    /// Sets the ids of numbers apart from those of other threads.
    secret: u64,
}

impl IdGenerator {
    /// Makes no ids that others could not make too, until it is seeded.
    pub(super) const UNSEEDED: Self = Self { state: 0, secret: 0 };

    /// Seeds it, unless that has been done.
    pub(super) fn seed(&mut self) {
        if self.state == 0 {
            *self = Self::seeded();
        }
    }

    pub(super) fn seeded() -> Self {
        // RandomState is seeded by the operating system and differs per instance.
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self { state: random(), secret: random() }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0xa076_1d64_78bd_642f);
        let t = u128::from(self.state) * u128::from(self.state ^ 0xe703_7ed1_a0b4_28db);
        (t >> 64) as u64 ^ t as u64
    }

    #[inline]
    pub(super) fn trace_id(&mut self) -> TraceId {
        TraceId::from_random(u128::from(self.next()) << 64 | u128::from(self.next()))
    }

    #[inline]
    pub(super) fn span_id(&mut self) -> SpanId {
        span_id(self.next())
    }

    /// The id of a number: always the same one, and as good as random (the finalizer of SplitMix64; Steele, Lea
    /// and Flood, 2014).
    pub(super) fn span_id_of(&self, number: u64) -> SpanId {
        let mut v = self.secret.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        v = (v ^ v >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        v = (v ^ v >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        span_id(v ^ v >> 31)
    }
}

/// Never zero: the top bits are those of a UUID variant, so that an MPLP span id can carry it unchanged.
#[inline]
fn span_id(random: u64) -> SpanId {
    match SpanId::new(random & !(0x3 << 62) | 0x2 << 62) {
        Some(id) => id,
        None => unreachable!("the variant bits are set"),
    }
}
