//! Alerts from the moment they are raised until somebody has been told.
#![cfg_attr(feature = "console", doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

mod anomaly;
pub mod channel;
mod config;
mod duration_text;
pub mod engine;
mod error;
mod explain;
mod health;
mod intake;
mod record;
mod retry;
mod route;
mod router;
#[cfg(any(feature = "slack", feature = "email"))]
mod secret;
mod stats;

pub use anomaly::anomaly_alert;
pub use config::AlertConfig;
pub use error::{ConfigError, ShutdownError};
pub use explain::explain;
pub use record::RecordFilter;
pub use retry::RetryConfig;
pub use route::Route;
pub use router::{AlertRouter, AlertRouterBuilder};
#[cfg(any(feature = "slack", feature = "email"))]
pub use secret::Secret;
pub use stats::{AlertReport, AlertStats, ChannelStats, DeadLetter};
