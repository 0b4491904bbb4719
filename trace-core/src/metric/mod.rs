//! Instruments that a program records into, and the registry that collects them.
//!
//! ```
//! use std::sync::Arc;
//! use trace_core::metric::{Label, MeterRegistry};
//! use trace_core::model::{KeyValue, Resource, Scope, Timestamp};
//!
//! let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
//! let meter = registry.meter(Scope::named("shop.http"));
//! let requests = meter.counter("http.server.requests").unit("{request}").build()?;
//! requests.add(1, &[KeyValue::new("http.route", "/items")]);
//!
//! requests.add_labels(1, &[Label::new("http.route", "/items")]); // costs half, for texts that live as long as the program
//! let items = requests.bind(&[KeyValue::new("http.route", "/items")]); // for hot loops
//! items.add(2);
//! assert_eq!(registry.collect(Timestamp::now()).point_count(), 1);
//! # Ok::<(), trace_core::metric::InvalidInstrument>(())
//! ```
//!
//! Recording never panics and never fails the caller: a NaN, an infinity or a negative increment of a counter is
//! left out and counted by [`MeterRegistry::rejected`]. Once an instrument has its full number of series, new
//! attributes go to one series with `otel.metric.overflow = true`, so no label can exhaust memory.
//!
//! A [`View`] changes what instruments ask for; [`MeterRegistry::reader`] collects deltas;
//! [`register_process_metrics`] and [`register_system_metrics`] watch the process and the machine; `otel` (feature
//! `otel`) is the door for the `opentelemetry` API.

mod aggregation;
mod attribute;
mod bounds;
mod cache;
mod collect;
mod counter;
mod descriptor;
mod error;
mod exemplar;
mod exponential;
mod exponential_cell;
mod gauge;
mod hash;
mod histogram;
mod histogram_cell;
mod instrument;
mod label;
mod live;
mod meter;
mod observable;
#[cfg(feature = "otel")]
pub mod otel;
mod process;
mod reader;
mod registry;
mod resolve;
mod scope;
mod series;
mod shard;
mod stream;
mod sum;
mod system;
mod table;
mod temporality;
mod view;

#[cfg(test)]
mod tests;

pub use aggregation::Aggregation;
pub use counter::{BoundCounter, BoundUpDownCounter, Counter, UpDownCounter};
pub use descriptor::InstrumentKind;
pub use error::{InstrumentWarning, InvalidInstrument, InvalidView};
pub use exemplar::{ExemplarFilter, ExemplarSource, UnknownExemplarFilter};
pub use gauge::{BoundGauge, Gauge};
pub use histogram::{BoundHistogram, DEFAULT_BOUNDS, Histogram};
pub use label::{Label, LabelValue};
pub use live::{HistogramView, LiveMetric, LiveMetrics, PointVisitor, SeriesView, Shape};
pub use meter::{InstrumentBuilder, Instrumented, Meter};
pub use observable::{ObservableBuilder, Observations};
pub use process::{ProcessSampler, ProcessUsage, register_process_metrics};
pub use reader::MetricReader;
pub use registry::{DEFAULT_CARDINALITY_LIMIT, MeterRegistry, RegistryOptions};
pub use system::register_system_metrics;
pub use temporality::{TemporalityPreference, UnknownTemporality};
pub use view::View;
