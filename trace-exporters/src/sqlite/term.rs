//! What spans are found by, as numbers.

use std::io::Write as _;

use trace_core::model::{TraceId, ValueRef};
use twox_hash::XxHash3_64;

/// The hash of a fact and its tenant. Two facts with one hash cost a look at spans that do not match: what is found is always
/// checked.
pub(super) type Term = u64;

/// A fact about a span.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fact<'a> {
    /// Whose it is.
    Tenant,
    /// The trace that it is part of.
    Trace(TraceId),
    Service(&'a str),
    Operation(&'a str),
    /// It failed.
    Error,
    /// It, or its resource, has an attribute with this text.
    Attribute(&'a str, ValueRef<'a>),
}

/// Makes terms; keeps its buffer.
#[derive(Debug, Default)]
pub(super) struct Terms {
    buffer: Vec<u8>,
}

impl Terms {
    /// The number of a fact. Part of the file format: XXH3 over a tag, the tenant, a zero and the text.
    pub(super) fn of(&mut self, tenant: &str, fact: Fact<'_>) -> Term {
        let b = &mut self.buffer;
        b.clear();
        let tag = match fact {
            Fact::Tenant => 0,
            Fact::Trace(_) => 1,
            Fact::Service(_) => 2,
            Fact::Operation(_) => 3,
            Fact::Error => 4,
            Fact::Attribute(..) => 5,
        };
        b.push(tag);
        b.extend_from_slice(tenant.as_bytes());
        b.push(0);
        match fact {
            Fact::Tenant | Fact::Error => {}
            Fact::Trace(id) => b.extend_from_slice(&id.to_bytes()),
            Fact::Service(text) | Fact::Operation(text) => b.extend_from_slice(text.as_bytes()),
            Fact::Attribute(key, value) => {
                b.extend_from_slice(key.as_bytes());
                b.push(0);
                match value {
                    ValueRef::String(text) => b.extend_from_slice(text.as_bytes()),
                    // Writing to memory cannot fail.
                    other => drop(write!(b, "{other}")),
                }
            }
        }
        XxHash3_64::oneshot(b)
    }
}
