//! Isolation forests: how few random cuts separate a row from the others.
//!
//! The method is Liu, Ting, Zhou, "Isolation Forest", ICDM 2008. [`IsolationForest`] is fitted once to a table;
//! [`SlidingForest`] follows a stream and replaces one tree at a time, so that no row pays for a whole refit.
//!
//! # Missing values
//! NaN and infinite values of training rows, and NaN in scored rows, are missing. At a cut on a missing feature a
//! row follows the side that most training rows took, so a missing value never makes a row look rare.

mod attribution;
mod config;
mod isolation;
mod path;
mod sliding;
#[cfg(test)]
mod tests;
mod tree;

pub use config::ForestConfig;
pub use isolation::IsolationForest;
pub use sliding::SlidingForest;
