//! A thread's use of a slot and of the ring in it.

use std::sync::{PoisonError, Weak};

use super::chunk::Slot;
use super::current::with_local;
use super::hot::with_hot;
use super::recorder::{Recorder, Shared};
use super::ring::{MAX_VALUES, Ring, SHORT_TEXT};
use super::ring_writer::Producer;

/// A thread that outlives many recorders does not keep a slot of each.
const MOST_LEASES: usize = 8;

/// A thread's use of a slot; the next thread gets it when this one has ended.
pub(super) struct Lease {
    id: u64,
    pub(super) slot: &'static Slot,
    recorder: Weak<Shared>,
    /// Whether a ring has been asked for; there may be none left.
    asked: bool,
    ring: Option<&'static Ring>,
    /// The writer's side of the ring, while the fast way uses another.
    producer: Option<Producer>,
}

impl Recorder {
    /// The calling thread's slot.
    #[inline]
    pub(super) fn slot(&self, local: &mut super::current::Local) -> &'static Slot {
        self.lease(&mut local.slots).slot
    }

    /// The calling thread's use of a slot.
    #[inline]
    fn lease<'l>(&self, leases: &'l mut Vec<Lease>) -> &'l mut Lease {
        if leases.first().is_none_or(|lease| lease.id != self.0.id) {
            self.find_lease(leases);
        }
        &mut leases[0]
    }

    #[cold]
    fn find_lease(&self, leases: &mut Vec<Lease>) {
        if let Some(i) = leases.iter().position(|lease| lease.id == self.0.id) {
            leases.swap(0, i);
            return;
        }
        self.forked_from();
        leases.retain(|lease| lease.recorder.strong_count() > 0);
        let slot = self.0.take_slot();
        let recorder = std::sync::Arc::downgrade(&self.0);
        leases.insert(0, Lease { id: self.0.id, slot, recorder, asked: false, ring: None, producer: None });
        leases.truncate(MOST_LEASES);
    }

    /// Lets the fast way use the calling thread's ring of this recorder. `false` if it has none.
    pub(super) fn load_ring(&self, leases: &mut Vec<Lease>) -> bool {
        if !self.0.children_follow {
            // The sampler is asked for every span.
            return false;
        }
        let loaded = with_hot(|h| h.recorder);
        if loaded == Some(self.0.id) {
            return true;
        }
        if leases.iter().any(|lease| lease.id == self.0.id && lease.asked && lease.ring.is_none()) {
            // There is none to be had, so what is loaded may stay.
            return false;
        }
        Lease::unload(leases);
        let lease = self.lease(leases);
        if !lease.asked {
            lease.open_ring();
        }
        let (Some(ring), Some(producer)) = (lease.ring, lease.producer) else { return false };
        lease.producer = None;
        with_hot(|h| h.load(lease.id, (lease.slot, ring), producer)).is_some()
    }
}

impl Lease {
    #[cold]
    fn open_ring(&mut self) {
        self.asked = true;
        let Some(shared) = self.recorder.upgrade() else { return };
        // The ring counts neither attributes nor the characters of a short text.
        let limits = &shared.limits;
        if usize::from(limits.attributes) < MAX_VALUES || limits.value_length < SHORT_TEXT {
            return;
        }
        let Some(ring) = self.slot.ring_within(&shared.rings, shared.limits.rings) else { return };
        self.ring = Some(ring);
        self.producer = Some(Producer::new(ring, shared.limits.value_length));
    }

    /// Takes the ring from the fast way, and keeps it for later.
    pub(super) fn unload(leases: &mut [Self]) {
        with_hot(|h| {
            let id = h.recorder;
            let producer = h.unload();
            if let Some(lease) = leases.iter_mut().find(|lease| lease.id == id) {
                lease.producer = Some(producer);
            }
        });
    }

    /// Runs with the writer's side of the ring in `slot`, if this thread has it and wrote the record at this position.
    /// A thread may have lost a slot and got it again.
    pub(super) fn with_producer(slot: &'static Slot, at: u64, f: impl FnOnce(&Ring, &mut Producer)) -> bool {
        with_local(|l| {
            let lease = l.slots.iter_mut().find(|lease| std::ptr::eq(lease.slot, slot))?;
            let ring = lease.ring?;
            with_hot(|h| {
                let producer =
                    if h.recorder == lease.id { &mut h.producer } else { lease.producer.as_mut()? };
                producer.wrote(at).then(|| f(ring, producer))
            })?
        })
        .flatten()
        .is_some()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        with_hot(|h| {
            if h.recorder == self.id {
                self.producer = Some(h.unload());
            }
        });
        if let (Some(ring), Some(producer)) = (self.ring, &mut self.producer) {
            producer.publish(ring);
        }
        match self.recorder.upgrade() {
            Some(r) => r.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot),
            // Nobody reads it any more.
            None => self.slot.empty(),
        }
    }
}
