//! The header that says whose a request is.

use http::{HeaderMap, HeaderName};
use trace_core::model::TenantId;

use super::Failure;

/// The name of the header, if tenants are told apart by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TenantHeader(pub(crate) Option<HeaderName>);

impl TenantHeader {
    /// The tenant that a request names; `None` if it names none.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Result<Option<TenantId>, Failure> {
        let Some(name) = &self.0 else { return Ok(None) };
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let fail = |why: String| Failure::Undecodable(format!("header {name}: {why}"));
        if values.next().is_some() {
            return Err(fail("it is there twice".to_owned()));
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        TenantId::new(&text).map(Some).map_err(|e| fail(e.to_string()))
    }
}
