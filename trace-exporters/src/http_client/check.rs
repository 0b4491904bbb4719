//! What every configuration of an exporter over HTTP is checked for.

use super::{Headers, HttpConfigError, TlsConfig};

/// The least limit of a request body that leaves room for records.
pub(super) const MIN_REQUEST_BYTES: usize = 1024;

/// Checks what requests carry, and what proves who sends them.
pub(crate) fn check_request(headers: &Headers, tls: &TlsConfig) -> Result<(), HttpConfigError> {
    headers.to_map()?;
    Ok(tls.validate()?)
}

/// Checks `max_request_bytes`.
pub(crate) fn check_request_limit(bytes: usize) -> Result<(), HttpConfigError> {
    if bytes < MIN_REQUEST_BYTES { Err(HttpConfigError::RequestLimit { found: bytes }) } else { Ok(()) }
}
