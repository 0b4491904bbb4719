//! What receivers share: reading bodies within limits, who holds what was received, answers, and a listener.
//!
//! A receiver answers with success only after a [`Holder`] has taken the whole request; what is not taken, its client
//! keeps and sends again.

mod body;
mod counts;
mod failure;
mod gate;
mod gunzip;
mod holder;
mod intake;
mod limits;
mod listener;
mod off_thread;
mod rate;
mod reply;
#[cfg(any(feature = "jaeger-receiver", feature = "remote-write-receiver", feature = "zipkin-receiver"))]
mod service;
mod tenant;

pub use counts::ReceiverCounts;
pub use holder::{Holder, LogHolder, MetricHolder, NotHeld};
pub use limits::{InvalidLimits, ReceiverLimits};
pub use listener::{Listener, ReceiverListenError};
pub use reply::ReplyBody;

pub(crate) use body::{Encoding, read_body};
pub(crate) use counts::Counts;
pub(crate) use failure::Failure;
pub(crate) use gate::{Gate, Pass};
pub(crate) use gunzip::gunzip;
pub(crate) use intake::{Intake, Taken, media_type};
pub(crate) use off_thread::off_thread;
#[cfg(any(feature = "jaeger-receiver", feature = "remote-write-receiver", feature = "zipkin-receiver"))]
pub(crate) use service::http_service;
pub(crate) use tenant::TenantHeader;

/// The error of any body.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
