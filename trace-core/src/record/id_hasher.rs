//! A hasher for trace and span ids, and for those of `tracing`.

use std::hash::Hasher;

/// Ids are mostly random already. They are mixed once more (Fibonacci hashing; Knuth, TAOCP volume 3, 6.4), for a caller may
/// bring ids of its own, and those of `tracing` are small numbers in several bit fields; the best bits are the upper ones. A flood of ids that collide on purpose is bounded by the size of the tables that use this.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl IdHasher {
    fn add(&mut self, v: u64) {
        self.0 = (self.0.rotate_left(5) ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, v: u64) {
        self.add(v);
    }
    fn write_u128(&mut self, v: u128) {
        self.add(v as u64);
        self.add((v >> 64) as u64);
    }
}
