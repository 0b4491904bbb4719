//! The agent: spans in datagrams.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::datagram_counts::{Counts, DatagramCounts, add};
use crate::jaeger::{decode_binary_call, decode_compact};
use crate::receiver::{Gate, Holder, NotHeld, ReceiverLimits, ReceiverListenError};

/// The largest datagram that there is.
const MAX_DATAGRAM: usize = 65_535;
/// What the system is asked to keep for us while we are busy; it may allow less.
const SYSTEM_BUFFER: usize = 4 << 20;
/// How long a shutdown reads what the system still holds.
const DRAIN: Duration = Duration::from_secs(1);
/// Pause after a failed read, such as when the network is gone.
const READ_PAUSE: Duration = Duration::from_millis(100);

/// How the calls in datagrams are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramProtocol {
    /// Thrift's compact protocol, on port 6831 by default.
    Compact,
    /// Thrift's binary protocol, on port 6832 by default, as Jaeger's client for Node.js sends it.
    Binary,
}

/// Takes spans in datagrams. Cheap to clone; clones share limits and counts.
///
/// One datagram is held after the other: while the pipeline is full the system's buffer fills, and then the system drops
/// what comes, which is counted where it tells.
#[derive(Clone)]
pub struct JaegerUdpReceiver {
    protocol: DatagramProtocol,
    spans: Arc<dyn Holder>,
    gate: Arc<Gate>,
    counts: Arc<Counts>,
}

/// A socket that is read. It ends when this is dropped; [`shutdown`](Self::shutdown) also takes what has arrived.
#[derive(Debug)]
pub struct JaegerUdpListener {
    address: SocketAddr,
    counts: Arc<Counts>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl JaegerUdpReceiver {
    /// Takes spans into the keeping of `spans`. Of `limits` those by the second count.
    pub fn new(protocol: DatagramProtocol, spans: impl Holder, limits: &ReceiverLimits) -> Self {
        Self { protocol, spans: Arc::new(spans), gate: Gate::new(limits), counts: Arc::default() }
    }

    /// What became of datagrams so far.
    pub fn counts(&self) -> DatagramCounts {
        self.counts.read()
    }

    /// Listens on `address` (`host:port`; port 0 takes a free one), and reads on the current Tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn listen(&self, address: &str) -> Result<JaegerUdpListener, ReceiverListenError> {
        let what = match self.protocol {
            DatagramProtocol::Compact => "Jaeger compact/UDP",
            DatagramProtocol::Binary => "Jaeger binary/UDP",
        };
        let fail = |source: std::io::Error| {
            let address = address.to_owned();
            match source.kind() {
                ErrorKind::AddrInUse => ReceiverListenError::InUse { what, address },
                _ => ReceiverListenError::Bind { what, address, source },
            }
        };
        let socket = UdpSocket::bind(address).await.map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        // If it allows less, so be it.
        let _ = SockRef::from(&socket).set_recv_buffer_size(SYSTEM_BUFFER);
        self.counts.watch(&socket);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(self.clone().run(socket, stopped));
        Ok(JaegerUdpListener { address, counts: self.counts.clone(), stop, task })
    }

    async fn run(self, socket: UdpSocket, mut stopped: oneshot::Receiver<()>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let received = tokio::select! {
                received = socket.recv(&mut buffer) => received,
                _ = &mut stopped => break,
            };
            match received {
                Ok(length) => self.take(&buffer[..length]).await,
                Err(_) => tokio::time::sleep(READ_PAUSE).await,
            }
        }
        let drain = async {
            while let Ok(Ok(length)) = tokio::time::timeout(READ_PAUSE, socket.recv(&mut buffer)).await {
                self.take(&buffer[..length]).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, drain).await;
        // The system forgets with the socket.
        self.counts.read();
    }

    async fn take(&self, datagram: &[u8]) {
        let counts = &*self.counts;
        add(&counts.datagrams, 1);
        let pass = self.gate.enter().ok().filter(|_| !datagram.is_empty());
        let Some(mut pass) = pass else {
            let empty = datagram.is_empty();
            return add(if empty { &counts.malformed } else { &counts.over_rate }, 1);
        };
        if !pass.take(datagram.len()) {
            return add(&counts.over_rate, 1);
        }
        let decoded = match self.protocol {
            DatagramProtocol::Compact => decode_compact(datagram),
            DatagramProtocol::Binary => decode_binary_call(datagram),
        };
        let Ok(decoded) = decoded else { return add(&counts.malformed, 1) };
        add(&counts.rejected, decoded.rejected);
        let spans = decoded.batches.iter().map(|b| b.len() as u64).sum();
        if spans == 0 {
            return;
        }
        match self.spans.hold(decoded.batches, None).await {
            Ok(()) => add(&counts.spans, spans),
            Err(NotHeld::Full) => add(&counts.no_room, spans),
            Err(NotHeld::Closed) => add(&counts.late, spans),
        }
    }
}

impl JaegerUdpListener {
    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes what has arrived, for a second at most, and stops; what became of all of it. Do this before the pipeline
    /// is shut down.
    pub async fn shutdown(self) -> DatagramCounts {
        let Self { counts, stop, task, .. } = self;
        drop(stop);
        // An error here is a panic or an abort of the task, which is as stopped as it can be.
        let _ = task.await;
        counts.read()
    }
}

impl fmt::Debug for JaegerUdpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerUdpReceiver").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
