//! Ways to tell people, each behind a feature of its name.

#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "email")]
pub mod email;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(any(feature = "console", feature = "slack", feature = "email"))]
mod text;
