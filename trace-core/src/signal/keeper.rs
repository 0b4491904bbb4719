//! What an exporter has taken and still has to deliver.

use std::collections::BTreeMap;

/// The account of an exporter that answers `Ok` before its backend has a batch, since it holds it elsewhere, as on disk.
///
/// `recovered + accepted = delivered + held + dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Records of an earlier run that were found when the exporter was made.
    pub recovered: u64,
    /// Records that were answered with `Ok` because they are held.
    pub accepted: u64,
    /// Of both, records that the backend has since taken.
    pub delivered: u64,
    /// Of both, records that are still held.
    pub held: u64,
    /// Of both, records that were lost after all, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Why the backend last failed to take what is held; empty again after a success.
    pub last_error: Option<String>,
}

/// Tells what an exporter holds; see [`SpanExporter::keeper`](super::SpanExporter::keeper).
pub trait Keeper: Send + Sync {
    /// The account now. Does not block for long.
    fn kept(&self) -> Kept;
}
