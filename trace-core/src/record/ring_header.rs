//! The first word of a record in a [`Ring`](super::ring::Ring).
//!
//! | bits | |
//! |---|---|
//! | 0 to 3 | what the record is |
//! | 4 to 11 | trace flags |
//! | 12 to 27 | the tenant; zero without one |
//! | 28 to 51 | the call site |
//! | 52 to 63 | words of the record |
//!
//! Flags and tenant lie side by side as they do in an active span, so that a child inherits both for the price of one.

use super::hot::Active;
use super::ring::{MAX_START_WORDS, MAX_VALUES};
use crate::model::TenantTag;

pub(super) const BIT_END: u64 = 1;
pub(super) const BIT_REMOTE_PARENT: u64 = 1 << 1;
/// Of an end: more was recorded of the span elsewhere.
pub(super) const BIT_CONTINUED: u64 = 1 << 2;
/// Of a start: the span was declared a success.
#[cfg(feature = "otel")]
pub(super) const BIT_OK: u64 = 1 << 2;
/// The end that a start record holds is Unix time.
#[cfg(feature = "otel")]
pub(super) const BIT_END_IS_UNIX: u64 = 1 << 3;

/// Where what an active span hands on begins.
const INHERITED: u32 = 4;
const TENANT: u32 = INHERITED + Active::TENANT;
const CALLSITE: u32 = 28;
const LEN: u32 = 52;

/// The greatest number of a call site.
pub(super) const LAST_CALLSITE: u32 = (1 << (LEN - CALLSITE)) - 1;

/// The head of the start of a span. Of `active`, the bits of the span's identity, flags and tenant count.
#[inline(always)]
pub(super) const fn of_start(bits: u64, active: u64, callsite: u32, len: usize) -> u64 {
    const {
        assert!(Active::INHERITED << INHERITED < 1 << CALLSITE, "what is inherited has room");
        assert!(MAX_START_WORDS < 1 << (64 - LEN) && MAX_VALUES <= 16, "so has the longest length");
    }
    bits | (active & Active::INHERITED) << INHERITED | (callsite as u64) << CALLSITE | (len as u64) << LEN
}

/// The head of the end of a span.
#[inline(always)]
pub(super) const fn of_end(bits: u64, len: u64) -> u64 {
    BIT_END | bits | len << LEN
}

/// Words of the record, this one included.
#[inline(always)]
pub(super) const fn len(header: u64) -> u64 {
    header >> LEN
}

#[inline(always)]
pub(super) const fn callsite(header: u64) -> u32 {
    (header >> CALLSITE) as u32 & LAST_CALLSITE
}

#[inline(always)]
pub(super) const fn flags(header: u64) -> u8 {
    (header >> INHERITED) as u8
}

#[inline(always)]
pub(super) const fn tenant(header: u64) -> TenantTag {
    TenantTag::of_number((header >> TENANT) as u16)
}

/// Flags and tenant, as the bits of an active span.
#[cfg(feature = "tracing")]
#[inline(always)]
pub(super) const fn active(header: u64) -> u64 {
    header >> INHERITED & Active::INHERITED
}
