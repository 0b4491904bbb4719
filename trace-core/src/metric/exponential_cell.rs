//! The cell of exponential histograms: a distribution for each thread, taken away by whoever collects.
//!
//! Buckets move when the scale falls, so each shard has a mutex, which only a collection ever waits for. A
//! collection takes what the shards hold, and adds it to the total and to what each reader of intervals is owed.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::exponential::{Exponential, Resolution};
use super::shard::my_place;

/// Places for exemplars: at most as many are kept (OpenTelemetry metrics SDK, "Exemplar defaults").
const EXEMPLARS: i32 = 20;

/// See the module.
pub(super) struct ExponentialCell {
    resolution: Resolution,
    shards: Box<[OnceLock<Mutex<Exponential>>]>,
    taken: Mutex<Taken>,
}

struct Taken {
    total: Exponential,
    /// What readers of intervals have not had yet, by the reader's slot.
    pending: Vec<Exponential>,
}

impl ExponentialCell {
    pub(super) fn new(resolution: Resolution, shards: usize) -> Self {
        let taken = Taken { total: Exponential::new(resolution), pending: Vec::new() };
        let shards = (0..shards.max(1)).map(|_| OnceLock::new()).collect();
        Self { resolution, shards, taken: Mutex::new(taken) }
    }

    /// Counts a finite value and returns the place of its exemplar; `None` if the sum would leave the finite range.
    pub(super) fn record(&self, value: f64) -> Option<usize> {
        let shard = &self.shards[my_place(self.shards.len())];
        let recorded =
            lock(shard.get_or_init(|| Mutex::new(Exponential::new(self.resolution)))).record(value);
        // By magnitude, so that one large value is not pushed out by many small ones.
        let place = (value.abs().max(f64::MIN_POSITIVE).log2() * 2.0) as i32;
        recorded.then_some(place.rem_euclid(EXEMPLARS).unsigned_abs() as usize)
    }

    /// Everything since the beginning.
    pub(super) fn total(&self) -> Exponential {
        let mut taken = lock(&self.taken);
        self.take(&mut taken);
        taken.total.clone()
    }

    /// What came since the reader in `slot`, of so many slots, last asked; everything if it asks for the first time.
    pub(super) fn end_interval(&self, slot: usize, slots: usize, first: bool) -> Exponential {
        let mut taken = lock(&self.taken);
        if taken.pending.len() < slots.max(slot + 1) {
            taken.pending.resize(slots.max(slot + 1), Exponential::new(self.resolution));
        }
        self.take(&mut taken);
        let interval = std::mem::replace(&mut taken.pending[slot], Exponential::new(self.resolution));
        if first { taken.total.clone() } else { interval }
    }

    fn take(&self, taken: &mut Taken) {
        for shard in self.shards.iter().filter_map(OnceLock::get) {
            let mut shard = lock(shard);
            if shard.count > 0 {
                let found = std::mem::replace(&mut *shard, Exponential::new(self.resolution));
                drop(shard);
                taken.total.merge(&found);
                taken.pending.iter_mut().for_each(|p| p.merge(&found));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_has_its_own_intervals_and_the_total_has_all() {
        let cell = ExponentialCell::new(Resolution { max_size: 10, max_scale: 20 }, 2);
        cell.record(1.0);
        assert_eq!(cell.end_interval(0, 2, true).count, 1);
        cell.record(1000.0);
        assert_eq!(cell.total().count, 2);
        let interval = cell.end_interval(0, 2, false);
        assert_eq!((interval.count, interval.scale), (1, 20), "an interval begins with the finest scale");
        assert_eq!(cell.end_interval(0, 2, false).count, 0);
        assert_eq!(cell.end_interval(1, 2, false).count, 2, "its slot is there since the first reader asked");
        assert_eq!(cell.end_interval(1, 2, true).count, 2);
    }
}
