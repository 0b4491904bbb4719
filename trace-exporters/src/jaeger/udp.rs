//! Datagrams to an agent.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{UdpSocket, lookup_host};
use trace_core::signal::ExportError;

/// Sends to one address, which is looked up again after a failure.
#[derive(Debug)]
pub(super) struct Agent {
    host: String,
    port: u16,
    socket: Mutex<Option<Arc<UdpSocket>>>,
}

impl Agent {
    pub(super) fn new(host: String, port: u16) -> Self {
        Self { host, port, socket: Mutex::default() }
    }

    /// Sends one datagram. That nobody listens is told by the system only when the next one is sent, and only for this
    /// machine or the local network.
    pub(super) async fn send(&self, packet: &[u8]) -> Result<(), ExportError> {
        match self.attempt(packet).await {
            Ok(()) => Ok(()),
            Err(error) => {
                *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Err(self.explain(error, packet.len()))
            }
        }
    }

    async fn attempt(&self, packet: &[u8]) -> io::Result<()> {
        let open = self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let socket = match open {
            Some(socket) => socket,
            None => {
                let socket = Arc::new(self.connect().await?);
                *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket.clone());
                socket
            }
        };
        socket.send(packet).await.map(drop)
    }

    async fn connect(&self) -> io::Result<UdpSocket> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            let local: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(local).await?;
            match socket.connect(address).await {
                Ok(()) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn explain(&self, error: io::Error, length: usize) -> ExportError {
        let to = format!("datagram to {}:{}", self.host, self.port);
        // The kind for EMSGSIZE is not stable; the system's own limit lies below the configured one.
        if error.raw_os_error().is_some_and(|code| code == MESSAGE_SIZE) {
            let text = format!("{to}: this system takes none of {length} bytes; lower max_packet_bytes");
            return ExportError::permanent(text);
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                ExportError::retryable(format!("{to}: nothing listens there")).caused_by(error)
            }
            _ => ExportError::retryable(format!("{to}: cannot be sent: {error}")),
        }
    }
}

/// `EMSGSIZE`, or `WSAEMSGSIZE`.
const MESSAGE_SIZE: i32 = if cfg!(windows) {
    10040
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    90
} else {
    40
};
