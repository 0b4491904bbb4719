//! Identifiers: wyrand per thread, seeded from the operating system.

use std::hash::{BuildHasher, Hasher};

use crate::model::{SpanId, TraceId};

/// A wyrand generator (Wang Yi, 2019): 64 bits from one multiplication. Not for secrets.
pub(super) struct IdGenerator(u64);

impl IdGenerator {
    /// Makes no ids that others could not make too, until it is seeded.
    pub(super) const UNSEEDED: Self = Self(0);

    /// Seeds it, unless that has been done.
    pub(super) fn seed(&mut self) {
        if self.0 == 0 {
            *self = Self::seeded();
        }
    }

    pub(super) fn seeded() -> Self {
        // RandomState is seeded by the operating system and differs per instance.
        Self(std::collections::hash_map::RandomState::new().build_hasher().finish())
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let t = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (t >> 64) as u64 ^ t as u64
    }

    #[inline]
    pub(super) fn trace_id(&mut self) -> TraceId {
        TraceId::from_random(u128::from(self.next()) << 64 | u128::from(self.next()))
    }

    /// Never zero: the top bits are those of a UUID variant, so that an MPLP span id can carry it unchanged.
    #[inline]
    pub(super) fn span_id(&mut self) -> SpanId {
        let v = self.next() & !(0x3 << 62) | 0x2 << 62;
        match SpanId::new(v) {
            Some(id) => id,
            None => unreachable!("the variant bits are set"),
        }
    }
}
