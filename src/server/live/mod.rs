//! Everything as it happens, as server-sent events. The contract is at the top of `page/live.js`.
//!
//! One task makes each event once and hands it to all subscribers. A subscriber that falls behind is cut off: the
//! page then connects again and gets the present state anew.

mod collect;
mod event;
mod hub;
mod snapshot;
mod stream;

pub(super) use hub::LiveHub;
pub(super) use stream::stream;
