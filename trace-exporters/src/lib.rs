#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "prometheus")]
pub mod prometheus;
