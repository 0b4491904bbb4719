//! What this process can find out about itself: detectors that make a [`Resource`].
//!
//! A detector never fails: what it cannot read is left out. Nothing that may hold a secret is read: no command line
//! and no environment beyond `OTEL_*`. Attribute names are those of OpenTelemetry's semantic conventions.
//!
//! ```
//! use trace_core::resource::{ResourceDetector, detect};
//!
//! let found = detect(&[ResourceDetector::Service, ResourceDetector::TelemetrySdk]);
//! assert!(found.service_name().starts_with("unknown_service"));
//! assert!(found.attributes.get("telemetry.sdk.version").is_some());
//! ```

mod container;
mod detector;
mod host;
mod os;
mod process;
mod read;

pub use detector::{ParseDetectorError, ResourceDetector, detect};

#[cfg(doc)]
use crate::model::Resource;
