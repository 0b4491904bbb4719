//! Why an instrument or a view cannot be made, and what is odd about those that could.

use super::Aggregation;

/// An instrument's description is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidInstrument {
    /// The name breaks OpenTelemetry's rule.
    #[error(
        "instrument name {name:?} is invalid: it must be a letter followed by at most 254 of \
         A-Z a-z 0-9 _ . - /"
    )]
    Name {
        /// The first 64 characters of what was given.
        name: String,
    },
    /// The unit breaks OpenTelemetry's rule.
    #[error("unit {unit:?} of instrument `{name}` is invalid: it must be at most 63 ASCII characters")]
    Unit {
        /// The instrument.
        name: String,
        /// The first 64 characters of what was given.
        unit: String,
    },
    /// The bucket bounds of a histogram are not finite, not ascending, or too many; or an exponential histogram is
    /// too small, too large, or too fine.
    #[error("buckets of histogram `{name}` are invalid: {reason}")]
    Bounds {
        /// The instrument or view.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
}

/// A view cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidView {
    /// It selects nothing in particular, which is a mistake more often than a wish. `*` selects all instruments.
    #[error("a view must select by at least one of name, kind, unit and meter; the name `*` selects all")]
    NoSelector,
    /// It renames, and may select several instruments, which would then share the name.
    #[error("view of {selector:?} cannot rename to `{name}`: it may select several instruments")]
    RenamesMany {
        /// The pattern of the instrument's name, or `*`.
        selector: String,
        /// The new name.
        name: String,
    },
    /// The limit is zero.
    #[error("view of {selector:?} has a cardinality limit of 0: it must leave room for one series")]
    NoSeries {
        /// The pattern of the instrument's name, or `*`.
        selector: String,
    },
    /// The buckets are not valid.
    #[error(transparent)]
    Buckets(#[from] InvalidInstrument),
}

/// Something about instruments that is probably a mistake. They work nevertheless.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentWarning {
    /// The scope has two instruments of this name that differ in kind or unit. Both are exported, and most backends
    /// cannot tell them apart. A view can rename one of them.
    #[error(
        "instrument `{name}` exists as {existing}, and was also registered as {requested}: both are kept"
    )]
    Duplicate {
        /// The name that both share; upper and lower case do not differ.
        name: String,
        /// The instrument that exists.
        existing: String,
        /// The instrument that was asked for.
        requested: String,
    },
    /// The same instrument was asked for with other bounds or attribute keys. The first ones stay.
    #[error(
        "instrument `{name}` exists with {existing}, and was asked for with {requested}: the first stays"
    )]
    OtherAdvice {
        /// The instrument.
        name: String,
        /// What it has.
        existing: String,
        /// What was asked for.
        requested: String,
    },
    /// A view wants an aggregation that does not suit the instrument. The instrument has its default one.
    #[error(
        "a view wants {aggregation} for the {kind} `{name}`, which does not suit it: it keeps its default"
    )]
    UnsuitableAggregation {
        /// The instrument.
        name: String,
        /// Its kind.
        kind: super::InstrumentKind,
        /// What the view wants.
        aggregation: Aggregation,
    },
    /// An instrument of the `opentelemetry` API, which has no errors, is not valid. Its measurements are ignored.
    #[error("measurements are ignored: {0}")]
    Ignored(InvalidInstrument),
}
