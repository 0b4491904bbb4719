//! Requests that go out: trace context in their headers, a client span around them, metrics of them.

mod call;
mod inject;
mod layer;
mod resend;
mod span;

pub use call::ClientCall;
pub(super) use inject::inject;
pub use layer::{Calls, ClientLayer, client_requests};
pub use resend::ResendCount;
