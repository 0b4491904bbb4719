//! What a policy wants for a trace, and how wishes combine.

use crate::sample::{Randomness, Threshold};

/// What a policy wants for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// It has no reason to keep the trace.
    Drop,
    /// It keeps traces like this one if their randomness reaches the threshold; with [`Threshold::ALWAYS`], all.
    Keep(Threshold),
    /// The same, by a probability that is multiplied with that of the head sampler.
    Share(Threshold),
    /// It keeps the trace or does not, by a probability that nobody knows: a rate limit.
    Uncounted(bool),
}

impl Vote {
    /// All traces like this one are kept.
    pub const CERTAIN: Self = Self::Keep(Threshold::ALWAYS);

    /// [`Vote::CERTAIN`] or [`Vote::Drop`].
    pub const fn certain_if(keep: bool) -> Self {
        if keep { Self::CERTAIN } else { Self::Drop }
    }

    /// What is meant for a trace of which the head sampler let through this much.
    pub(super) fn over(self, head: Threshold) -> Self {
        match self {
            Self::Share(share) => {
                let p = share.probability() * head.probability();
                // A product that is too small to be written is the rarest there is.
                Self::Keep(Threshold::from_probability(p).unwrap_or(Threshold::RAREST))
            }
            other => other,
        }
    }

    /// Kept if one of both keeps it. An uncounted reason comes to bear only where the other one drops.
    pub(super) fn or(self, other: Self, randomness: Randomness) -> Self {
        match (self, other) {
            (Self::Drop, vote) | (vote, Self::Drop) => vote,
            (Self::Keep(a), Self::Keep(b)) => Self::Keep(a.min(b)),
            (Self::Uncounted(a), Self::Uncounted(b)) => Self::Uncounted(a || b),
            (Self::Keep(t), Self::Uncounted(_)) | (Self::Uncounted(_), Self::Keep(t))
                if t.keeps(randomness) =>
            {
                Self::Keep(t)
            }
            (Self::Keep(_), Self::Uncounted(u)) | (Self::Uncounted(u), Self::Keep(_)) => Self::Uncounted(u),
            // Resolved by `over` before votes are combined.
            (Self::Share(_), vote) | (vote, Self::Share(_)) => vote,
        }
    }

    /// Kept if both keep it.
    pub(super) fn and(self, other: Self, randomness: Randomness) -> Self {
        match (self, other) {
            (Self::Drop, _) | (_, Self::Drop) => Self::Drop,
            (Self::Keep(a), Self::Keep(b)) => Self::Keep(a.max(b)),
            (Self::Uncounted(a), Self::Uncounted(b)) => Self::Uncounted(a && b),
            (Self::Keep(t), Self::Uncounted(u)) | (Self::Uncounted(u), Self::Keep(t)) => {
                Self::Uncounted(u && t.keeps(randomness))
            }
            (Self::Share(_), vote) | (vote, Self::Share(_)) => vote,
        }
    }

    /// Kept if it is not.
    pub(super) fn negated(self, randomness: Randomness) -> Self {
        match self {
            Self::Drop => Self::CERTAIN,
            Self::CERTAIN => Self::Drop,
            // What is left below a threshold cannot be written as one.
            Self::Keep(t) | Self::Share(t) => Self::Uncounted(!t.keeps(randomness)),
            Self::Uncounted(keep) => Self::Uncounted(!keep),
        }
    }

    pub(super) fn verdict(self, randomness: Randomness) -> Verdict {
        match self {
            Self::Keep(t) | Self::Share(t) if t.keeps(randomness) => Verdict::Kept(Some(t)),
            Self::Uncounted(true) => Verdict::Kept(None),
            _ => Verdict::Dropped,
        }
    }
}

/// What was decided about a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Dropped,
    /// With the threshold of this stage, if there is one that counts.
    Kept(Option<Threshold>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    #[test]
    fn wishes_combine_to_the_threshold_of_the_whole() {
        // The randomness is one half: thresholds up to `8` keep.
        let r = Randomness::from_bits(0x80 << 48);
        let (keep8, keepc) = (Vote::Keep(t("8")), Vote::Keep(t("c")));
        assert_eq!(keep8.or(keepc, r), keep8);
        assert_eq!(keep8.and(keepc, r), keepc);
        assert_eq!(keepc.or(Vote::Uncounted(true), r), Vote::Uncounted(true));
        assert_eq!(keep8.or(Vote::Uncounted(true), r), keep8);
        assert_eq!(keep8.and(Vote::Uncounted(true), r), Vote::Uncounted(true));
        assert_eq!(keepc.and(Vote::Uncounted(true), r), Vote::Uncounted(false));
        assert_eq!(Vote::Drop.or(keep8, r), keep8);
        assert_eq!(Vote::Drop.and(Vote::CERTAIN, r), Vote::Drop);
        assert_eq!(Vote::Drop.negated(r), Vote::CERTAIN);
        assert_eq!(Vote::CERTAIN.negated(r), Vote::Drop);
        assert_eq!(keepc.negated(r), Vote::Uncounted(true));
        assert_eq!(keep8.verdict(r), Verdict::Kept(Some(t("8"))));
        assert_eq!(keepc.verdict(r), Verdict::Dropped);
        assert_eq!(Vote::Uncounted(true).verdict(r), Verdict::Kept(None));
    }

    #[test]
    fn a_share_is_a_share_of_what_the_head_sampler_let_through() {
        assert_eq!(Vote::Share(t("8")).over(t("8")), Vote::Keep(t("c")));
        assert_eq!(Vote::Keep(t("8")).over(t("c")), Vote::Keep(t("8")));
        assert_eq!(Vote::Share(Threshold::RAREST).over(Threshold::RAREST), Vote::Keep(Threshold::RAREST));
    }
}
