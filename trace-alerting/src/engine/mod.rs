//! The pure core: an [`Event`] and the time in, [`Effect`]s out. No clock, no thread, no network.
//!
//! What is true (the alert as last raised) is kept apart from what each channel was told. Whenever the two differ
//! in a way that matters, the channel is owed news, and the engine sends until the two agree:
//!
//! - firing, and the channel was not told of it, or only of a lower severity, or before the deduplication window;
//! - resolved, and the channel was told that it fires (or may have been: an attempt without an answer counts).
//!
//! So a resolve goes exactly to those that were told, ten duplicates are one notification, and an alert that came
//! and went while a channel was down tells that channel nothing. News of one group for one channel is one
//! [`Notification`](trace_core::signal::Notification) with its own retry state; a channel is given one at a time,
//! the most severe first.

mod cell;
mod core;
mod dedup;
mod entry;
mod event;
mod group;
mod outbox;
mod plan;
mod raise;
mod settle;
#[cfg(test)]
mod tests;

pub use core::Engine;
pub use event::{Effect, Event};
