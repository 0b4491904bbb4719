//! A destination, whatever it takes.

use std::time::Instant;

use super::destination::Destination;
use super::payload::Payload;
use super::queue::FlushDone;

/// What all destinations have in common.
pub(super) trait Outlet: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;
    /// Flushes behind everything that has been offered.
    fn flush(&self, done: FlushDone);
    /// Lets the thread finish what is queued, until the deadline.
    fn close(&self, deadline: Instant);
    /// Waits for the thread until the deadline.
    fn join(&self, deadline: Instant);
}

impl<P: Payload> Outlet for Destination<P> {
    fn name(&self) -> &str {
        &self.account().name
    }

    fn flush(&self, done: FlushDone) {
        Self::flush(self, done);
    }

    fn close(&self, deadline: Instant) {
        Self::close(self, deadline);
    }

    fn join(&self, deadline: Instant) {
        Self::join(self, deadline);
    }
}
