//! Trace documents of the MPLP protocol, version 1.0.0: spans to documents, and documents to spans.
//!
//! The protocol defines the documents, and says nothing of OpenTelemetry: this mapping is ours, and nothing of it makes
//! spans conform to MPLP. A trace is one document; its root span, or the one whose parent is elsewhere, is `root_span`,
//! all others are `segments`, and the events of all of them are `events`. What the protocol has no place for stands in
//! attributes, and comes back from them.
//!
//! ```
//! use trace_exporters::mplp::{MplpConfig, MplpExporter};
//! let folder = tempfile::tempdir()?;
//! let config = MplpConfig::new(folder.path()).context_id("550e8400-e29b-41d4-a716-446655440500");
//! let exporter = MplpExporter::new(&config)?;
//! # let _ = exporter;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attributes;
mod config;
mod decode;
mod document;
mod encode;
mod event;
mod exporter;
mod folder;
mod id;
mod keys;
#[cfg(test)]
mod tests;

pub use config::{MplpConfig, MplpConfigError};
pub use decode::{InvalidDocument, decode_document};
pub use encode::{Encoded, encode_documents};
pub use exporter::MplpExporter;
