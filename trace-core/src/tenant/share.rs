//! Fair shares of a bounded buffer.

use super::Slot;

/// How much of a buffer each tenant occupies, in bytes.
///
/// While there is room, everybody may take it. When there is none, a tenant that occupies less than an equal share gets
/// what it needs from those that occupy most (buffer stealing: McKenney, "Stochastic Fairness Queueing", 1990).
#[derive(Clone, Debug, Default)]
pub(crate) struct Shares {
    bytes: Vec<usize>,
    /// Tenants that occupy anything.
    active: usize,
}

impl Shares {
    pub(crate) fn add(&mut self, slot: Slot, bytes: usize) {
        let at = slot as usize;
        if at >= self.bytes.len() {
            self.bytes.resize(at + 1, 0);
        }
        self.active += usize::from(self.bytes[at] == 0 && bytes > 0);
        self.bytes[at] += bytes;
    }

    pub(crate) fn remove(&mut self, slot: Slot, bytes: usize) {
        let Some(held) = self.bytes.get_mut(slot as usize) else { return };
        let was = *held;
        *held = was.saturating_sub(bytes);
        self.active -= usize::from(was > 0 && *held == 0);
    }

    /// Whether this tenant may have `bytes` more at the cost of others, in a buffer of `capacity`.
    pub(crate) fn may_steal(&self, slot: Slot, bytes: usize, capacity: usize) -> bool {
        let held = self.bytes.get(slot as usize).copied().unwrap_or(0);
        let claimants = self.active + usize::from(held == 0);
        held + bytes <= capacity / claimants.max(1)
    }

    /// Who occupies most, other than this tenant.
    pub(crate) fn heaviest_but(&self, slot: Slot) -> Option<Slot> {
        let others = self.bytes.iter().enumerate().filter(|(i, held)| *i != slot as usize && **held > 0);
        others.max_by_key(|(_, held)| **held).map(|(i, _)| i as Slot)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_share_is_never_refused_and_comes_from_the_heaviest() {
        let mut shares = Shares::default();
        shares.add(1, 900);
        shares.add(2, 100);
        assert!(!shares.may_steal(1, 1, 1_000), "has more than its share");
        assert!(shares.may_steal(2, 400, 1_000) && !shares.may_steal(2, 401, 1_000));
        assert!(shares.may_steal(3, 333, 1_000) && !shares.may_steal(3, 334, 1_000), "a third claims");
        assert_eq!(shares.heaviest_but(2), Some(1));
        assert_eq!(shares.heaviest_but(1), Some(2));
        shares.remove(1, 900);
        assert_eq!(shares.heaviest_but(2), None);
        assert!(shares.may_steal(2, 900, 1_000));
    }
}
