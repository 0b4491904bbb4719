//! Receivers as the configuration asks for them: built with the module, listening when they are told to.

mod board;
mod build;
mod health;
#[cfg(feature = "kafka")]
mod kafka;
mod listening;
mod self_metrics;

use std::sync::Arc;

pub(super) use build::Receivers;
pub use listening::{ListenError, Listening};

use board::{Board, Figures, Source};

/// What all parts look at.
type Shared = Arc<Board>;
