//! The `tracing` crate as a door (feature `tracing`).
//!
//! ```
//! use trace_core::{pipeline::Pipeline, record::tracing_layer::TraceLayer};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let pipeline = Pipeline::builder().start()?;
//! let subscriber = tracing_subscriber::registry().with(TraceLayer::new(pipeline.recorder().clone()));
//! tracing::subscriber::with_default(subscriber, || {
//!     let _span = tracing::info_span!("work", user.id = 7).entered();
//!     tracing::info!("an event of the span");
//! });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! [`TraceLayer`] says what becomes of fields and events. [`TraceSpanExt`] takes a parent that came over the wire, and
//! gives the identity to send on. `WithTraceIds` (feature `tracing-fmt`) puts the ids on log lines.

mod active;
mod arena;
mod event;
mod event_context;
mod ext;
mod fields;
mod held;
mod layer;
mod lean;
mod lean_fields;
#[cfg(feature = "tracing-fmt")]
mod log_ids;
mod open_places;
mod options;
mod sites;
#[cfg(test)]
mod tests;

pub(super) use arena::Arena;
pub(crate) use event_context::event_context;
pub use ext::{SetParentError, TraceSpanExt};
pub(super) use held::{Held, HeldState};
pub use layer::TraceLayer;
#[cfg(feature = "tracing-fmt")]
pub use log_ids::WithTraceIds;
pub(crate) use sites::scope as scope_of;
