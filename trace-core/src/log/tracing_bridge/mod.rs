//! The `tracing` crate as a source of log records (feature `tracing`).

mod denied;
mod fields;
mod layer;
mod scopes;
#[cfg(test)]
mod tests;

pub use layer::LogLayer;
