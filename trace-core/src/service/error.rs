//! Why a call of the service failed, with the code and the HTTP status that a client is told.

use crate::model::{ParseIdError, ParseSeverityError, TimeRangeError, TraceId};
use crate::signal::Rejected;
use crate::store::ReadError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The time range is none.
    #[error(transparent)]
    InvalidTimeRange(#[from] TimeRangeError),
    /// The trace id is none.
    #[error(transparent)]
    InvalidTraceId(#[from] ParseIdError),
    /// The severity filter is none.
    #[error(transparent)]
    InvalidSeverity(#[from] ParseSeverityError),
    /// Neither spans nor metric samples of this trace are known.
    #[error("trace {0} is not known: it was never recorded here, or is too old to be kept")]
    TraceNotFound(TraceId),
    /// Stored spans cannot be read.
    #[error("stored spans cannot be read")]
    StorageUnavailable(#[source] ReadError),
}

impl QueryError {
    /// The code that a client can act on, such as `TRACE_NOT_FOUND`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidTimeRange(_) => "INVALID_TIME_RANGE",
            Self::InvalidTraceId(_) => "INVALID_TRACE_ID",
            Self::InvalidSeverity(_) => "INVALID_SEVERITY",
            Self::TraceNotFound(_) => "TRACE_NOT_FOUND",
            Self::StorageUnavailable(_) => "STORAGE_UNAVAILABLE",
        }
    }

    /// The HTTP status that fits.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::InvalidTimeRange(_) | Self::InvalidTraceId(_) | Self::InvalidSeverity(_) => 400,
            Self::TraceNotFound(_) => 404,
            Self::StorageUnavailable(_) => 503,
        }
    }
}

/// Why a metric sample was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordMetricError {
    /// The trace id is none.
    #[error(transparent)]
    InvalidTraceId(#[from] ParseIdError),
    /// A percentage lies outside of 0 to 100.
    #[error("{name} is {value}: a percentage lies between 0 and 100")]
    InvalidPercent {
        /// The field or metric.
        name: String,
        /// What it was.
        value: f64,
    },
    /// A name is empty or too long.
    #[error("metric name {0:?} must have 1 to 128 bytes")]
    InvalidName(String),
    /// There are more custom metrics than one sample may have.
    #[error("sample has {0} custom metrics: at most 128 are taken at once")]
    TooManyMetrics(usize),
}

impl RecordMetricError {
    /// The code that a client can act on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidTraceId(_) => "INVALID_TRACE_ID",
            Self::InvalidPercent { .. } => "INVALID_PERCENT",
            Self::InvalidName(_) => "INVALID_METRIC_NAME",
            Self::TooManyMetrics(_) => "TOO_MANY_METRICS",
        }
    }

    /// The HTTP status that fits.
    pub const fn http_status(&self) -> u16 {
        400
    }
}

/// Why an alert was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendAlertError {
    /// The severity is none.
    #[error(transparent)]
    InvalidSeverity(#[from] ParseSeverityError),
    /// The trace id is none.
    #[error(transparent)]
    InvalidTraceId(#[from] ParseIdError),
    /// The type is empty or too long.
    #[error("alert type {0:?} must have 1 to 128 bytes")]
    InvalidType(String),
    /// There are too many labels, or one is too long.
    #[error("alert has a label that is empty or over 128 bytes, or more than 64 labels")]
    InvalidLabels,
    /// The sink did not take it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl SendAlertError {
    /// The code that a client can act on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidSeverity(_) => "INVALID_SEVERITY",
            Self::InvalidTraceId(_) => "INVALID_TRACE_ID",
            Self::InvalidType(_) => "INVALID_ALERT_TYPE",
            Self::InvalidLabels => "INVALID_LABELS",
            Self::Rejected(Rejected::QueueFull { .. }) => "ALERT_QUEUE_FULL",
            Self::Rejected(Rejected::Invalid(_)) => "INVALID_ALERT",
            Self::Rejected(_) => "ALERTING_UNAVAILABLE",
        }
    }

    /// The HTTP status that fits.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Rejected(Rejected::QueueFull { .. }) => 429,
            Self::Rejected(Rejected::Invalid(_)) => 400,
            Self::Rejected(_) => 503,
            _ => 400,
        }
    }
}
