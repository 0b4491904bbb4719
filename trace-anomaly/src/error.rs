//! What can be wrong with a configuration or with the rows of a forest.

use crate::ModelType;

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The model has no implementation here.
    #[error("unknown modelType {name:?}; known: {}", known_models())]
    UnknownModel {
        /// The name that was given, cut to 64 characters.
        name: String,
    },
    /// A number is outside of its range.
    #[error("{field} must be {rule}, got {value}")]
    OutOfRange {
        /// The path of the field, such as `forest.trees`.
        field: &'static str,
        /// The allowed range in words.
        rule: &'static str,
        /// The number that was given.
        value: String,
    },
}

fn known_models() -> String {
    ModelType::ALL.iter().map(|m| format!("{:?}", m.as_str())).collect::<Vec<_>>().join(", ")
}

/// Rows from which no forest can grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// No row, or rows of no features.
    #[error("an isolation forest needs at least one row of at least one feature")]
    Empty,
    /// The length is not a multiple of the number of features.
    #[error("{values} values do not make whole rows of {features} features")]
    Ragged {
        /// How many values were given.
        values: usize,
        /// How many features a row has.
        features: usize,
    },
    /// The settings cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
