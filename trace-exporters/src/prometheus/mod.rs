//! Prometheus: metrics in each format that a Prometheus server asks for, and the endpoint that it scrapes.
//!
//! [`encode`] turns a collection into text 0.0.4, and [`Encoder`] into any [`Format`]; [`Scrape`] is the `tower` service
//! for a server that a program already has; [`PrometheusListener`] (feature `prometheus-listener`) is a server of its
//! own. What comes as deltas is added up by an [`Accumulator`]. Names and labels follow OpenTelemetry's rules for Prometheus: see [`metric_name`] and
//! [`TranslationStrategy`].

pub(crate) mod accumulate;
mod cache;
mod config;
mod encoder;
mod escape;
pub(crate) mod exemplar;
pub(crate) mod exponential;
pub(crate) mod family;
mod format;
pub(crate) mod label;
#[cfg(feature = "prometheus-listener")]
mod listener;
mod name;
pub(crate) mod native;
mod number;
mod page;
mod protobuf;
mod report;
mod scrape;
pub(crate) mod text;

pub use accumulate::{Accumulated, Accumulator, DeltaConfig};
pub use config::{ExpositionConfig, TranslationStrategy};
pub use encoder::{Encoder, Exposition, encode};
pub use escape::Escaping;
pub use format::{ContentType, Format};
#[cfg(feature = "prometheus-listener")]
pub use listener::{ListenError, ListenerConfig, PrometheusListener};
pub use name::{Kind, label_name, metric_name};
pub use report::{Conflict, DropReason, Dropped, Report};
pub use scrape::{CONTENT_TYPE_TEXT, Collect, Scrape};
