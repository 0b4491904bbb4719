//! Spans whose attributes are borrowed and known at once: for layers that record one on behalf of others.
//!
//! Attributes at the start and at the end are written under one lock each and copied once.

use super::current::with_local;
use super::handle::write_status;
use super::recorder::Recorder;
use super::span::Span;
use super::start::{Name, Start};
use crate::batch::{ScopeRef, Text};
use crate::model::{Scope, SpanContext, SpanKind, Status, TenantTag, ValueRef};

/// Attributes: keys known at compile time, borrowed values.
pub(crate) type Fields<'a> = [(&'static str, ValueRef<'a>)];

/// What a span begins with.
pub(crate) struct Description<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) scope: &'static Scope,
    /// `None` for the root of a new trace.
    pub(crate) parent: Option<&'a SpanContext>,
    /// Decides in the sampler's place whether a root is recorded.
    pub(crate) sampled: Option<bool>,
    /// Whose it is, unless a field or the parent says so.
    pub(crate) tenant: TenantTag,
    /// Keys must differ.
    pub(crate) fields: &'a Fields<'a>,
}

impl Recorder {
    /// Starts a span without making it active.
    pub(crate) fn start_described(&self, of: &Description<'_>) -> Span {
        let scope = ScopeRef::Static(of.scope);
        let start = Start {
            name: Name::Borrowed(of.name),
            kind: of.kind,
            scope: &scope,
            parent: of.parent,
            decided: of.sampled.filter(|_| of.parent.is_none()).map(|sampled| self.decided_root(sampled)),
            fields: of.fields,
            start: None,
            tenant: of.tenant,
        };
        with_local(|l| Span::start(self, Some(l), &start)).unwrap_or_else(|| Span::start(self, None, &start))
    }
}

impl Span {
    /// Adds attributes, or replaces their values, and sets the status and a new name, if there are any, all under one
    /// lock. `started_with` is the number of attributes that the span had at its start: while it has no more, none of
    /// the new keys can be there already.
    pub(crate) fn describe(
        &self,
        started_with: u16,
        fields: &Fields<'_>,
        status: Option<Status>,
        name: Option<&str>,
    ) {
        let Some(handle) = &self.record else { return };
        handle.edit(self, |columns, row, limits| {
            let untouched = columns.rows[row].attribute_count == started_with
                && usize::from(limits.attributes) >= usize::from(started_with) + fields.len();
            let mut list = columns.rows[row].attributes;
            for (key, value) in fields {
                let value = match *value {
                    ValueRef::String(text) => columns.store_value(text),
                    other => columns.cell_of(other.to_value()),
                };
                if untouched {
                    columns.push_attribute(&mut list, Text::fixed(key), value);
                } else {
                    columns.set_attribute(row, Text::fixed(key), value, limits.attributes);
                }
            }
            if untouched {
                columns.rows[row].attributes = list;
                columns.rows[row].attribute_count += fields.len() as u16;
            }
            if let Some(status) = status {
                write_status(columns, row, status);
            }
            if let Some(name) = name {
                columns.rows[row].name = columns.store(name);
                columns.rows[row].bits |= crate::batch::Row::RENAMED;
            }
        });
    }
}
