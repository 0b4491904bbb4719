//! Why a monitoring call failed.

use std::time::Duration;

use trace_core::model::TraceIds;
use trace_core::store::ReadError;

use crate::context::ContextRef;

/// Why a monitoring call failed. None of these ever reaches the caller of a monitored operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrationError {
    /// An operation needs a name.
    #[error("operation name must be 1 to 256 bytes of text, got {0:?}")]
    InvalidOperationName(String),
    /// Too many context traces are open at once.
    #[error("{limit} context traces are open, which is the limit: finish them, or raise `max_open_traces`")]
    TooManyOpenTraces {
        /// The limit.
        limit: usize,
    },
    /// No such context trace is open, and none of the last ones to finish is it.
    #[error("no context trace {} is known", name(.0))]
    UnknownTrace(TraceIds),
    /// The trace holds several open context traces.
    #[error("trace {} holds several open context traces: name the span too", .0.trace_id)]
    AmbiguousTrace(TraceIds),
    /// The context trace has ended.
    #[error("context trace {} has already finished", name(.0))]
    AlreadyFinished(TraceIds),
    /// The context trace belongs to another context.
    #[error("context trace {} belongs to context {actual}, not to {given}", name(.trace))]
    ContextMismatch {
        /// The trace.
        trace: TraceIds,
        /// Its context.
        actual: ContextRef,
        /// The context in the call.
        given: ContextRef,
    },
    /// A rule or a threshold cannot be used.
    #[error("monitoring rule or threshold {name:?} is invalid: {fault}")]
    InvalidRule {
        /// Which.
        name: String,
        /// What is wrong with it.
        fault: String,
    },
    /// More rules than are looked at.
    #[error("{given} rules and thresholds for one trace, at most {limit} are allowed")]
    TooManyRules {
        /// How many there are.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// The stored spans could not be read.
    #[error("stored spans could not be read")]
    Read(#[from] ReadError),
    /// The recorded spans could not be brought into the store.
    #[error("recorded spans could not be flushed: {0}")]
    Flush(String),
    /// A part that is not ours took too long.
    #[error("{part} did not answer within {limit:?}")]
    Timeout {
        /// Which part.
        part: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// A part that is not ours panicked.
    #[error("{part} panicked: {message}")]
    Panicked {
        /// Which part.
        part: &'static str,
        /// What the panic said.
        message: String,
    },
}

fn name(ids: &TraceIds) -> String {
    match ids.span_id {
        Some(span) => format!("{}/{span}", ids.trace_id),
        None => ids.trace_id.to_string(),
    }
}
