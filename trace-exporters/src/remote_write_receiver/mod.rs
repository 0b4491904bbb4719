//! Prometheus remote write, 1.0 and 2.0, from others into the pipeline: `POST /api/v1/write`.
//!
//! [`RemoteWriteReceiver`] is a `tower` service, and listens by itself. What becomes of a series:
//!
//! | in Prometheus | here |
//! |---|---|
//! | `__name__` | name of the metric, as it is |
//! | `job`, `instance` | resource: `service.namespace` and `service.name` at the first `/`, `service.instance.id` |
//! | `otel_scope_name`, `_version`, `_schema_url`, `otel_scope_*` | scope |
//! | other labels | attributes |
//! | counter | monotonic cumulative sum |
//! | native histogram | exponential histogram; with custom bounds, histogram |
//! | everything else, also the series of a classic histogram or a summary | gauge |
//! | exemplars | exemplars; `trace_id` and `span_id` are ids |
//!
//! The series of a classic histogram stay what they are, since a sender may put them into different requests. 1.0 tells
//! types apart from series, now and then; [`Families`] remembers them, and until it knows, a series is a gauge.
//!
//! Specifications: <https://prometheus.io/docs/specs/prw/remote_write_spec/> and
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>.

mod body;
mod decode;
mod families;
#[cfg(fuzzing)]
pub mod fuzzing;
mod service;

pub use decode::{DecodeError, DecodedWrite, Written, decode_v1, decode_v2};
pub use families::Families;
pub use service::RemoteWriteReceiver;
