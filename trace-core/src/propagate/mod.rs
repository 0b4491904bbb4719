//! Carries trace context and baggage across process boundaries, in headers.
//!
//! | format | headers |
//! |---|---|
//! | [`W3cPropagator`]: [`TraceContextPropagator`] and [`BaggagePropagator`] | `traceparent`, `tracestate`, `baggage` |
//! | [`B3Propagator`] | `b3`, or `x-b3-*` |
//! | [`JaegerPropagator`] | `uber-trace-id`, `uberctx-*` |
//! | [`OtTracePropagator`] | `ot-tracer-*`, `ot-baggage-*` |
//! | [`XrayPropagator`] | `x-amzn-trace-id` |
//! | [`CorrelationPropagator`] | `x-correlation-id` |
//!
//! [`CompositePropagator`] joins several, and chooses them by `OTEL_PROPAGATORS`. A server reads headers with
//! [`Propagator::extract`]; a client writes those of the active span with [`inject_current`].
//!
//! Everything here is a total function: no input makes it panic, and what is malformed is left out rather than
//! passed on. What comes from outside is a hint, never an authority: baggage must not decide on tenants or
//! permissions. Between services that only call each other, [`TenantBaggage`] takes the tenant along.
//!
//! Sources: W3C Trace Context level 2, W3C Baggage, openzipkin/b3-propagation, Jaeger's client documentation, and
//! OpenTelemetry's specification of propagators.

mod active_baggage;
mod b3;
mod baggage;
mod carrier;
mod composite;
mod correlation;
mod environment;
mod global;
#[cfg(feature = "http")]
mod header_map;
mod hex;
mod jaeger;
mod ot_trace;
#[cfg(feature = "otel")]
pub mod otel;
mod percent;
mod prefixed;
mod propagator;
mod tenant_baggage;
mod trace_state;
mod traceparent;
mod w3c;
#[cfg(test)]
mod w3c_cases;
mod xray;

#[cfg(feature = "otel")]
#[path = "baggage_home_otel.rs"]
mod baggage_home;
#[cfg(not(feature = "otel"))]
#[path = "baggage_home_thread.rs"]
mod baggage_home;

pub use active_baggage::{BaggageFuture, BaggageGuard, InBaggage, current_baggage, enter_baggage};
pub use b3::{B3Encoding, B3Propagator};
pub use baggage::{Baggage, BaggageEntry, InvalidBaggage};
pub use carrier::{Extractor, Injector};
pub use composite::CompositePropagator;
pub use correlation::CorrelationPropagator;
pub use environment::PropagatorWarning;
#[cfg(feature = "http")]
pub use global::current_headers;
pub use global::{extract, global, inject_current, inject_current_by, set_global};
pub use jaeger::JaegerPropagator;
pub use ot_trace::OtTracePropagator;
pub use propagator::{Extracted, Propagator};
pub use tenant_baggage::TenantBaggage;
pub use trace_state::InvalidTraceState;
pub use traceparent::{InvalidTraceparent, format_traceparent, parse_traceparent};
pub use w3c::{BaggagePropagator, TraceContextPropagator, W3cPropagator};
pub use xray::XrayPropagator;
