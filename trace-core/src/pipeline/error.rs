//! What a shutdown or a flush can report.

use std::time::Duration;

use super::DeliveryReport;

/// The shutdown lost spans, or could not finish in time. The report says what, where and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} spans or data points were lost, counted at each destination\n{report}", report.ledger.lost())]
pub struct DeliveryError {
    /// The final accounts.
    pub report: DeliveryReport,
}

/// A flush did not finish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// It took longer than allowed; it goes on.
    #[error("flush did not finish within {0:?}: waiting for {1}")]
    Timeout(Duration, String),
    /// A destination could not make its data durable.
    #[error("destination {name} could not flush: {message}")]
    Destination {
        /// The destination.
        name: String,
        /// What it said.
        message: String,
    },
    /// The pipeline has been shut down.
    #[error("the pipeline is shut down")]
    Closed,
}
