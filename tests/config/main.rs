//! The configuration as a user meets it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod channels;
mod destinations;
mod documents;
mod environment;
mod exporters;
mod logs;
mod otel_variables;
mod problems;
mod processing;
mod receivers;
mod robustness;
mod sampling;
mod secrets;
mod seed;
mod support;
