//! What goes into the engine and what comes out.

use trace_core::model::{Alert, AlertId, Timestamp};
use trace_core::signal::{Delivered, Notification, NotifyError};

/// Something happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An alert was raised: firing or resolved.
    Raise(Box<Alert>),
    /// An attempt ended. One that was dropped after its timeout is [`NotifyError::Unknown`].
    Done {
        /// The channel, by its place in the list given to the engine.
        channel: usize,
        /// From [`Effect::Send`].
        ticket: u64,
        /// What the channel said.
        outcome: Result<Delivered, NotifyError>,
    },
    /// A person knows of the alert.
    Acknowledge(AlertId),
    /// Send now what waits for its group or for a retry; a wait that a channel asked for stays.
    Flush,
    /// Time has passed.
    Tick,
}

/// Something is to be done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Make one attempt and report it as [`Event::Done`]. A channel gets no second one before that.
    Send {
        /// The channel, by its place in the list given to the engine.
        channel: usize,
        /// To be given back.
        ticket: u64,
        /// What to say.
        notification: Box<Notification>,
    },
    /// The record of this alert changed.
    Changed(AlertId),
    /// Call again with [`Event::Tick`] at this time, unless an event comes before. Replaces earlier wishes.
    WakeAt(Timestamp),
}
