//! What became of datagrams: nobody is told, so all of it is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::net::UdpSocket;

use super::system_drops;

/// What became of datagrams and the spans in them since the listener began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramCounts {
    /// Datagrams that were read.
    pub datagrams: u64,
    /// Of these, the ones that are no batch of spans.
    pub malformed_datagrams: u64,
    /// Of these, the ones over the limit of bytes or datagrams in a second.
    pub over_rate_datagrams: u64,
    /// Datagrams that the system dropped before they could be read, since its buffer was full. 0 where the system does
    /// not tell, which is everywhere but on Linux.
    pub system_dropped_datagrams: u64,
    /// Spans that were held.
    pub spans: u64,
    /// Spans that were left out, such as those without ids.
    pub rejected_spans: u64,
    /// Spans that were lost because nobody had room for them.
    pub no_room_spans: u64,
    /// Spans that were lost because they came after the end of the pipeline.
    pub late_spans: u64,
}

impl DatagramCounts {
    /// What was lost, by reason: a word, and how many.
    pub fn dropped(&self) -> [(&'static str, u64); 6] {
        [
            ("malformed", self.malformed_datagrams),
            ("over_rate", self.over_rate_datagrams),
            ("system", self.system_dropped_datagrams),
            ("rejected", self.rejected_spans),
            ("no_room", self.no_room_spans),
            ("late", self.late_spans),
        ]
    }
}

/// The same, live.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) datagrams: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) over_rate: AtomicU64,
    /// Each socket, and what the system has dropped of it.
    system: Mutex<Vec<(u64, u64)>>,
    pub(super) spans: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) no_room: AtomicU64,
    pub(super) late: AtomicU64,
}

pub(super) fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

impl Counts {
    /// Counts what the system drops of this socket.
    pub(super) fn watch(&self, socket: &UdpSocket) {
        let inode = system_drops::inode(socket).map(|inode| (inode, 0));
        self.system.lock().unwrap_or_else(PoisonError::into_inner).extend(inode);
    }

    /// A socket that is gone keeps what was read of it last.
    fn system(&self) -> u64 {
        let mut sockets = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        for (inode, drops) in sockets.iter_mut() {
            *drops = system_drops::read(*inode).unwrap_or(0).max(*drops);
        }
        sockets.iter().map(|(_, drops)| drops).sum()
    }

    pub(super) fn read(&self) -> DatagramCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DatagramCounts {
            datagrams: read(&self.datagrams),
            malformed_datagrams: read(&self.malformed),
            over_rate_datagrams: read(&self.over_rate),
            system_dropped_datagrams: self.system(),
            spans: read(&self.spans),
            rejected_spans: read(&self.rejected),
            no_room_spans: read(&self.no_room),
            late_spans: read(&self.late),
        }
    }
}
