//! Why a monitoring layer cannot be built.

use crate::metric::InvalidInstrument;

/// A [`super::MonitoringLayer`] cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitoringError {
    /// The registry does not take an instrument.
    #[error("the HTTP metrics cannot be registered")]
    Instrument(#[from] InvalidInstrument),
    /// There is no thread for the observers.
    #[error("the thread `mplp-observe` cannot be started")]
    Thread(#[source] std::io::Error),
}
