//! What travels from a span to its children, in process and across the wire.

use std::fmt;
use std::sync::Arc;

use super::{SpanId, TenantTag, TraceId};

/// The W3C trace flags byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(pub u8);

impl TraceFlags {
    /// The caller recorded, and asks us to.
    pub const SAMPLED: Self = Self(0x01);
    /// The low 56 bits of the trace id are random (W3C Trace Context level 2).
    pub const RANDOM: Self = Self(0x02);
    /// Somebody debugs this trace: B3's `d`, Jaeger's flag 2. Goes with [`Self::SAMPLED`], and is passed on only in
    /// headers that have a place for it. Not of W3C; the bit is that of `opentelemetry-zipkin`.
    pub const DEBUG: Self = Self(0x04);
    /// The caller left the decision to us: B3 without a state, X-Ray's `?`. Only in what came over the wire: the
    /// decision clears it. Not of W3C.
    pub const UNDECIDED: Self = Self(0x08);
    /// The span is recorded in this process whether it is sampled or not, so that nothing is counted by chance. Ours
    /// alone: it never leaves the process.
    pub const RECORDED: Self = Self(0x10);

    /// Whether the sampled bit is set.
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Whether the debug bit is set.
    pub const fn is_debug(self) -> bool {
        self.0 & Self::DEBUG.0 != 0
    }

    /// Whether the decision is still to be made.
    pub const fn is_undecided(self) -> bool {
        self.0 & Self::UNDECIDED.0 != 0
    }

    /// Whether spans with these flags are recorded: because they are sampled, or whatever they are.
    #[inline]
    pub const fn is_recorded(self) -> bool {
        self.0 & (Self::SAMPLED.0 | Self::RECORDED.0) != 0
    }

    /// The flags as others may see them: without [`TraceFlags::RECORDED`].
    #[must_use]
    pub const fn w3c(self) -> Self {
        Self(self.0 & !Self::RECORDED.0)
    }

    /// The same flags with the recorded bit set or cleared.
    #[must_use]
    pub const fn with_recorded(self, recorded: bool) -> Self {
        if recorded { Self(self.0 | Self::RECORDED.0) } else { self.w3c() }
    }

    /// The same flags with the sampled bit set or cleared, and decided.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        let others = self.0 & !(Self::SAMPLED.0 | Self::UNDECIDED.0);
        Self(if sampled { others | Self::SAMPLED.0 } else { others })
    }
}

/// The W3C `tracestate` member list, kept as validated text. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// No members.
    pub const EMPTY: Self = Self(None);

    /// Wraps text that is already a valid list; see [`crate::propagate`] for parsing untrusted headers.
    pub fn from_validated(text: &str) -> Self {
        if text.is_empty() { Self(None) } else { Self(Some(Arc::from(text))) }
    }

    /// The header value; empty if there are no members.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of a member.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.as_str().split(',').find_map(|m| {
            let (k, v) = m.split_once('=')?;
            (k.trim() == key).then_some(v)
        })
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceState({:?})", self.as_str())
    }
}

/// The identity of a span and what its children inherit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// The trace the span belongs to.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// Sampled, random and debug bits.
    pub flags: TraceFlags,
    /// Vendor data, passed on unchanged.
    pub trace_state: TraceState,
    /// Whether it came over the wire.
    pub is_remote: bool,
    /// Whose the span is, and its children; see [`TenantTag`].
    pub tenant: TenantTag,
}

impl SpanContext {
    /// A local context with an empty trace state.
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            trace_state: TraceState::EMPTY,
            is_remote: false,
            tenant: TenantTag::NONE,
        }
    }

    /// Whether the sampled bit is set.
    pub const fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }
}
