//! The `opentelemetry` API's metrics as a door: instruments of its meters record into a registry.
//!
//! ```
//! use std::sync::Arc;
//! use opentelemetry::{KeyValue, metrics::MeterProvider as _};
//! use trace_core::metric::{MeterRegistry, otel::MeterProvider};
//! use trace_core::model::{Resource, Timestamp};
//!
//! let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
//! let provider = MeterProvider::new(registry.clone()); // or opentelemetry::global::set_meter_provider(provider)
//! let requests = provider.meter("shop.http").u64_counter("requests").build();
//! requests.add(1, &[KeyValue::new("route", "/items")]);
//! assert_eq!(registry.collect(Timestamp::now()).point_count(), 1);
//! ```

mod attribute;
#[cfg(feature = "otel-bound")]
mod bound;
mod observe;
mod provider;
mod recorded;

#[cfg(test)]
mod equivalence;
#[cfg(test)]
mod tests;

pub use provider::MeterProvider;
