//! Listeners of the receiver's own.

use std::net::SocketAddr;

use super::{OtlpReceiver, OtlpReceiverConfig};
use crate::receiver::{Listener, ReceiverListenError};

/// OTLP at addresses of its own. It ends when this is dropped; [`shutdown`](Self::shutdown) also waits.
#[derive(Debug)]
pub struct OtlpListener {
    grpc: Option<Listener>,
    http: Option<Listener>,
    receiver: OtlpReceiver,
}

impl OtlpListener {
    /// Listens on the addresses of the configuration, and answers on the current Tokio runtime. Both answer gRPC and
    /// HTTP alike: they are two only because clients expect two.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn start(
        config: &OtlpReceiverConfig,
        receiver: OtlpReceiver,
    ) -> Result<Self, ReceiverListenError> {
        let grpc = Self::listen("OTLP/gRPC", &config.grpc, &receiver).await?;
        let http = Self::listen("OTLP/HTTP", &config.http, &receiver).await?;
        Ok(Self { grpc, http, receiver })
    }

    async fn listen(
        what: &'static str,
        address: &str,
        receiver: &OtlpReceiver,
    ) -> Result<Option<Listener>, ReceiverListenError> {
        if address.is_empty() {
            return Ok(None);
        }
        let receiver = receiver.clone();
        let answer = move |request| {
            let receiver = receiver.clone();
            async move { receiver.respond(request).await }
        };
        Listener::start(what, address, answer).await.map(Some)
    }

    /// Where gRPC is listened for.
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(Listener::local_addr)
    }

    /// Where HTTP is listened for.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(Listener::local_addr)
    }

    /// The service that answers.
    pub fn receiver(&self) -> &OtlpReceiver {
        &self.receiver
    }

    /// Stops listening and waits until requests under way are answered, 5 s at most. Do this before the pipeline is
    /// shut down.
    pub async fn shutdown(self) {
        let stop = |listener: Option<Listener>| async {
            if let Some(listener) = listener {
                listener.shutdown().await;
            }
        };
        tokio::join!(stop(self.grpc), stop(self.http));
    }
}
