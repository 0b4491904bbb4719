//! What configurations of all destinations say alike: where to, how long to wait, whom to trust, and what must not be
//! shown.

mod endpoint;
mod secret;
mod timeout;
mod tls_config;
mod tls_error;
#[cfg(feature = "tls")]
mod tls_setup;

pub use endpoint::Endpoint;
#[cfg(feature = "http-client")]
pub(crate) use endpoint::show;
pub use secret::Secret;
pub use timeout::Timeout;
pub use tls_config::TlsConfig;
pub use tls_error::TlsError;
#[cfg(feature = "tls")]
pub(crate) use tls_setup::client_config;
