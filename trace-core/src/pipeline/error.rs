//! What a shutdown, a flush or an ingestion can report.

use std::time::Duration;

use super::DeliveryReport;
use crate::batch::SpanBatchMut;

/// The shutdown lost spans, or could not do its work. The report says what, where and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failure}\n{report}")]
pub struct DeliveryError {
    /// What went wrong.
    pub failure: DeliveryFailure,
    /// The accounts: final ones, unless `failure` says that they are not.
    pub report: Box<DeliveryReport>,
}

/// What went wrong in a shutdown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryFailure {
    /// Records were lost, now or earlier.
    #[error("{0} spans, data points or log records were lost, counted at each destination")]
    Lost(u64),
    /// Another thread is shutting the pipeline down, and did not finish in the time that this call had. The report is
    /// interim.
    #[error("another thread is still shutting the pipeline down: these are interim accounts")]
    Unfinished,
    /// The call came from inside of an exporter, a processor or a callback of this pipeline, for which a shutdown would
    /// wait. It goes on in the background; the report is interim.
    #[error(
        "shut down from inside of the pipeline: it goes on in the background, these are interim accounts"
    )]
    FromInside,
    /// This process was forked from the one that has the pipeline's threads.
    #[error(
        "this process was forked from process {0}, which has the pipeline's threads: nothing recorded here is sent"
    )]
    Forked(u32),
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
    /// The call came from inside of an exporter, a processor or a callback of this pipeline, for which a flush would
    /// wait.
    #[error(
        "a flush from inside of the pipeline would wait for itself: call it from a thread of the application"
    )]
    FromInside,
    /// This process was forked from the one that has the pipeline's threads.
    #[error(
        "this process was forked from process {0}, which has the pipeline's threads: nothing recorded here is sent"
    )]
    Forked(u32),
}

/// A batch was not taken. Its spans are counted as lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// There was no room in the time that the source may wait.
    #[error("{spans} spans were not taken: {waiting} of {capacity} bytes are waiting; send them again later")]
    Full {
        /// How many spans.
        spans: u64,
        /// Bytes that wait already.
        waiting: usize,
        /// Bytes that may wait.
        capacity: usize,
    },
    /// The pipeline has been shut down, or belongs to another process.
    #[error("{spans} spans were not taken: the pipeline is shut down")]
    Closed {
        /// How many spans.
        spans: u64,
    },
}

/// Batches that were not taken, and come back. They are in no account: who handed them in still has them.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotTaken {
    /// All that were handed in together.
    pub batches: Vec<SpanBatchMut>,
    /// Why. Its spans are not counted as lost.
    pub why: IngestError,
}
