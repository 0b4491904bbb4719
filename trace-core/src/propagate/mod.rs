//! Carries trace context and baggage across process boundaries, in headers.
//!
//! Everything here is a total function: no input makes it panic, and what is malformed is left out rather than
//! passed on. What comes from outside is a hint, never an authority: baggage must not decide on tenants or
//! permissions.
//!
//! Sources: W3C Trace Context level 2 and W3C Baggage.

mod baggage;
mod carrier;
#[cfg(feature = "http")]
mod header_map;
mod percent;
mod propagator;
mod trace_state;
mod traceparent;
mod w3c;

pub use baggage::{Baggage, BaggageEntry, InvalidBaggage};
pub use carrier::{Extractor, Injector};
pub use propagator::{Extracted, Propagator};
pub use trace_state::InvalidTraceState;
pub use traceparent::{InvalidTraceparent, format_traceparent, parse_traceparent};
pub use w3c::W3cPropagator;
