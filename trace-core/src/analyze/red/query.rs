//! Which part of the windows is wanted.

use super::SpanOutcome;
use super::series_key::SeriesKey;
use crate::model::{SpanKind, TenantId, TimeRange};

/// Which part of the windows is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedQuery<'a> {
    /// The period. Its edges are widened to whole slots of at most a hundredth of its length (a second for minutes, ten
    /// seconds for an hour, ten minutes for a day), and to wider slots where only these are kept.
    pub range: TimeRange,
    /// Whose spans; those of the default tenant if `None`. Nobody can ask for the spans of all.
    pub tenant: Option<&'a TenantId>,
    /// Only this service.
    pub service: Option<&'a str>,
    /// Only this operation.
    pub operation: Option<&'a str>,
    /// Only this kind.
    pub kind: Option<SpanKind>,
    /// Only this outcome.
    pub status: Option<SpanOutcome>,
    /// Only local roots: each request once instead of each span.
    pub entries_only: bool,
}

impl<'a> RedQuery<'a> {
    /// Everything that the default tenant did in the range.
    pub const fn all(range: TimeRange) -> Self {
        Self {
            range,
            tenant: None,
            service: None,
            operation: None,
            kind: None,
            status: None,
            entries_only: false,
        }
    }

    /// One operation of the default tenant in the range.
    pub const fn operation(range: TimeRange, service: &'a str, operation: &'a str) -> Self {
        Self { service: Some(service), operation: Some(operation), ..Self::all(range) }
    }

    /// The same of this tenant.
    #[must_use]
    pub const fn of(self, tenant: &'a TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// The same of requests alone: local roots.
    #[must_use]
    pub const fn requests(self) -> Self {
        Self { entries_only: true, ..self }
    }

    pub(super) fn tenant_name(&self) -> &'a str {
        self.tenant.map_or(TenantId::DEFAULT, TenantId::as_str)
    }

    pub(super) fn matches(&self, key: &SeriesKey) -> bool {
        self.service.is_none_or(|s| s == key.service)
            && self.operation.is_none_or(|o| o == key.operation)
            && self.kind.is_none_or(|k| k == key.kind)
            && self.status.is_none_or(|s| s == key.status)
            && (!self.entries_only || key.entry)
    }
}
