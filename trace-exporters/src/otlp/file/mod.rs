//! OTLP as lines of JSON in files: one signal a file, one `TracesData`, `MetricsData` or `LogsData` a line.
//!
//! [`OtlpFileSpanExporter`], [`OtlpFileMetricExporter`] and [`OtlpFileLogExporter`] append to one file, which is set aside under a number when it is
//! full; the oldest are removed, so that all together stay within a bound. What a flush of the pipeline has confirmed is on
//! the disk. Specification: <https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>.
//!
//! ```
//! use trace_exporters::otlp::file::{OtlpFileConfig, OtlpFileSpanExporter};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("traces.jsonl");
//! let exporter = OtlpFileSpanExporter::new(&OtlpFileConfig::new(path))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod exporter;
mod lines;
mod rotated;

pub use config::{OtlpFileConfig, OtlpFileError};
pub use exporter::{OtlpFileLogExporter, OtlpFileMetricExporter, OtlpFileSpanExporter};
