//! Redaction: what must not leave the process.

mod builder;
mod detector;
mod error;
mod glob;
mod hash;
mod key_rules;
mod logs;
mod pattern;
mod processor;

#[cfg(test)]
mod tests;

pub use builder::RedactBuilder;
pub use detector::PatternDetector;
pub use error::RedactError;
pub use processor::{RedactProcessor, Redaction};
