//! Prometheus: metrics as text 0.0.4, and the endpoint that a Prometheus server scrapes.
//!
//! [`encode`] turns a collection into text; [`Scrape`] is the `tower` service for a server that a program
//! already has; [`PrometheusListener`] (feature `prometheus-listener`) is a server of its own. Names and labels
//! follow OpenTelemetry's rules for Prometheus: see [`metric_name`].

mod exponential;
mod family;
mod label;
#[cfg(feature = "prometheus-listener")]
mod listener;
mod name;
mod scrape;
mod text;

pub use family::{DropReason, Dropped};
#[cfg(feature = "prometheus-listener")]
pub use listener::{ListenError, ListenerConfig, PrometheusListener};
pub use name::{Kind, label_name, metric_name};
pub use scrape::{CONTENT_TYPE_TEXT, Collect, Scrape};
pub use text::{Exposition, encode};
