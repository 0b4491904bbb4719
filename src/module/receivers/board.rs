//! What each receiver did, and where it listens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use trace_exporters::jaeger_receiver::{JaegerReceiver, JaegerUdpReceiver};
use trace_exporters::otlp_receiver::OtlpReceiver;
use trace_exporters::remote_write_receiver::RemoteWriteReceiver;
use trace_exporters::zipkin_receiver::ZipkinReceiver;

/// A receiver that can be asked what it did.
pub(super) enum Source {
    Otlp(OtlpReceiver),
    Jaeger(JaegerReceiver),
    Datagrams(JaegerUdpReceiver),
    Zipkin(ZipkinReceiver),
    RemoteWrite(RemoteWriteReceiver),
    #[cfg(feature = "kafka")]
    Kafka(std::sync::Arc<super::kafka::Reader>),
}

/// Counts of one receiver, each with its outcome.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) requests: Vec<(&'static str, u64)>,
    pub(super) datagrams: Vec<(&'static str, u64)>,
    pub(super) records: Vec<(&'static str, u64)>,
    pub(super) spans: Vec<(&'static str, u64)>,
    pub(super) points: Vec<(&'static str, u64)>,
    pub(super) logs: Vec<(&'static str, u64)>,
    /// What is gone: nobody sends a datagram again.
    pub(super) lost: u64,
}

impl Source {
    pub(super) fn figures(&self) -> Figures {
        let counts = match self {
            Self::Otlp(r) => r.counts(),
            Self::Jaeger(r) => r.counts(),
            Self::Zipkin(r) => r.counts(),
            Self::RemoteWrite(r) => r.counts(),
            #[cfg(feature = "kafka")]
            Self::Kafka(r) => return r.figures(),
            Self::Datagrams(r) => {
                let c = r.counts();
                // What makes no sense is no loss: anybody can send it.
                let lost =
                    c.over_rate_datagrams + c.system_dropped_datagrams + c.no_room_spans + c.late_spans;
                return Figures {
                    datagrams: vec![
                        ("read", c.datagrams),
                        ("malformed", c.malformed_datagrams),
                        ("over_rate", c.over_rate_datagrams),
                        ("system_dropped", c.system_dropped_datagrams),
                    ],
                    spans: vec![
                        ("held", c.spans),
                        ("rejected", c.rejected_spans),
                        ("no_room", c.no_room_spans),
                        ("late", c.late_spans),
                    ],
                    lost,
                    ..Figures::default()
                };
            }
        };
        let mut figures = Figures {
            requests: vec![
                ("accepted", counts.accepted_requests),
                ("bad", counts.bad_requests),
                ("busy", counts.busy_requests),
            ],
            ..Figures::default()
        };
        if !matches!(self, Self::RemoteWrite(_)) {
            figures.spans = vec![("held", counts.spans), ("rejected", counts.rejected_spans)];
        }
        if matches!(self, Self::Otlp(_) | Self::RemoteWrite(_)) {
            figures.points = vec![("held", counts.points), ("rejected", counts.rejected_points)];
        }
        if matches!(self, Self::Otlp(_)) {
            figures.logs = vec![("held", counts.logs), ("rejected", counts.rejected_logs)];
        }
        figures
    }
}

/// What a receiver does now.
#[derive(Clone, Debug)]
pub(super) enum State {
    Listens(SocketAddr),
    #[cfg(feature = "kafka")]
    Reads,
    /// It has ended by itself.
    #[cfg(feature = "kafka")]
    Failed(String),
}

/// All receivers by name, and what those do that have been started.
pub(super) struct Board {
    pub(super) sources: Vec<(&'static str, Source)>,
    /// By the key of the listener.
    states: Mutex<BTreeMap<&'static str, State>>,
}

impl Board {
    pub(super) fn new(sources: Vec<(&'static str, Source)>) -> Self {
        Self { sources, states: Mutex::default() }
    }

    pub(super) fn set(&self, key: &'static str, state: State) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
    }

    pub(super) fn ended(&self) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Of the receiver `name`: keys are its name, or begin with it and a point.
    pub(super) fn states(&self, name: &str) -> Vec<State> {
        let of_it =
            |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let all = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(key, _)| of_it(key)).map(|(_, state)| state.clone()).collect()
    }
}
