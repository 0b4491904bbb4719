//! Why an instrument cannot be made.

/// An instrument's description is not valid, or contradicts one that exists.
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
    /// The bucket bounds of a histogram are not finite, not ascending, or too many.
    #[error("bounds of histogram `{name}` are invalid: {reason}")]
    Bounds {
        /// The instrument.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The scope has an instrument of this name that differs in kind, unit, bounds or attributes.
    #[error("instrument `{name}` exists as {existing} and cannot be registered again as {requested}")]
    Conflict {
        /// The name that both share; upper and lower case do not differ.
        name: String,
        /// The instrument that exists.
        existing: String,
        /// The instrument that was asked for.
        requested: String,
    },
}
