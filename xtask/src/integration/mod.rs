//! `cargo xtask integration [SUITE...]`: our programs against peers that we did not write.
//!
//! A peer is found on PATH, else installed by package name under `target/peers`. Every server takes
//! a free port, and everything that a suite starts ends with it.

mod clickhouse;
mod collector;
mod go;
mod http;
mod jaeger;
mod kafka;
mod node;
mod otlp;
mod peer;
mod prometheus;
mod propagation;
mod receivers;
mod rotel;
mod rust_test;
mod server;
mod slack;
mod smtp;
mod suite;

pub(crate) use suite::run;
