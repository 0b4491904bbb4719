//! Receivers that listen, until they are shut down.

use std::net::SocketAddr;

use trace_exporters::jaeger_receiver::JaegerUdpListener;
use trace_exporters::receiver::{Listener, ReceiverListenError};

use super::board::State;
use super::{Receivers, Shared, Source};
use crate::config::ListenAddress;

/// A receiver cannot listen where the configuration wants it.
#[derive(Debug, thiserror::Error)]
#[error("receivers.{key}: {source}")]
pub struct ListenError {
    /// The key of the listener below `receivers`, such as `otlp.grpc`.
    pub key: &'static str,
    /// Why.
    pub source: ReceiverListenError,
}

/// Receivers that listen. They end when this is dropped; [`shutdown`](Self::shutdown) also answers what is under way.
#[must_use = "receivers end when this is dropped"]
pub struct Listening {
    http: Vec<Listener>,
    datagrams: Vec<JaegerUdpListener>,
    #[cfg(feature = "kafka")]
    reading: Vec<super::kafka::Reading>,
    addresses: Vec<(&'static str, SocketAddr)>,
    board: Shared,
}

impl Receivers {
    /// Listens wherever the configuration says.
    pub(in crate::module) async fn listen(&self) -> Result<Listening, ListenError> {
        let mut listening = Listening {
            http: Vec::new(),
            datagrams: Vec::new(),
            #[cfg(feature = "kafka")]
            reading: Vec::new(),
            addresses: Vec::new(),
            board: self.board.clone(),
        };
        for (key, address) in self.config.listeners() {
            listening.add(key, address).await.map_err(|source| ListenError { key, source })?;
        }
        #[cfg(feature = "kafka")]
        for (_, source) in &self.board.sources {
            if let Source::Kafka(reader) = source {
                listening.reading.push(reader.start(&self.board));
            }
        }
        Ok(listening)
    }
}

impl Listening {
    async fn add(&mut self, key: &'static str, address: &ListenAddress) -> Result<(), ReceiverListenError> {
        let is_of = |name: &str| key == name || (name == "otlp" && key.starts_with("otlp."));
        let Some((_, source)) = self.board.sources.iter().find(|(name, _)| is_of(name)) else {
            return Ok(());
        };
        let address = address.as_str();
        let bound = match source {
            Source::Datagrams(receiver) => {
                let listener = receiver.listen(address).await?;
                let bound = listener.local_addr();
                self.datagrams.push(listener);
                bound
            }
            _ => {
                let listener = match source {
                    Source::Otlp(receiver) => {
                        let receiver = receiver.clone();
                        let answer = move |request| {
                            let receiver = receiver.clone();
                            async move { receiver.respond(request).await }
                        };
                        Listener::start("OTLP", address, answer).await?
                    }
                    Source::Jaeger(receiver) => receiver.listen(address).await?,
                    Source::Zipkin(receiver) => receiver.listen(address).await?,
                    Source::RemoteWrite(receiver) => receiver.listen(address).await?,
                    Source::Datagrams(_) => return Ok(()),
                    #[cfg(feature = "kafka")]
                    Source::Kafka(_) => return Ok(()),
                };
                let bound = listener.local_addr();
                self.http.push(listener);
                bound
            }
        };
        self.board.set(key, State::Listens(bound));
        self.addresses.push((key, bound));
        Ok(())
    }

    /// The key of each listener below `receivers`, such as `otlp.grpc`, and the address that was bound.
    pub fn addresses(&self) -> &[(&'static str, SocketAddr)] {
        &self.addresses
    }

    /// Stops listening, answers what is under way, and takes the datagrams that have arrived; 5 s at most. Do this
    /// before the module is shut down: what has been acknowledged is delivered then.
    pub async fn shutdown(mut self) {
        let mut ending = tokio::task::JoinSet::new();
        for listener in self.http.drain(..) {
            ending.spawn(listener.shutdown());
        }
        for listener in self.datagrams.drain(..) {
            ending.spawn(async move {
                // What became of them stays on the board.
                listener.shutdown().await;
            });
        }
        #[cfg(feature = "kafka")]
        for reading in self.reading.drain(..) {
            ending.spawn(reading.shutdown());
        }
        while ending.join_next().await.is_some() {}
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.board.ended();
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
