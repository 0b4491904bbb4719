//! Why a request is not taken, and what its client should make of it.

use http::StatusCode;

use super::NotHeld;

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It makes no sense, and will not.
    Undecodable(String),
    /// It is larger than is taken.
    TooLarge(String),
    /// A format or compression that is not read here.
    Unsupported(&'static str),
    /// There is nothing at this path.
    NotFound,
    /// Only POST is.
    Method,
    /// It did not arrive in time.
    Slow,
    /// This receiver has too much to do; later it may not.
    Busy(&'static str),
    /// Nobody has room for what it brings; later there may be.
    NotHeld(NotHeld),
}

/// Codes of `google.rpc.Code`.
#[cfg_attr(not(feature = "otlp-receiver"), allow(dead_code, reason = "gRPC alone"))]
mod code {
    pub(super) const INVALID_ARGUMENT: u32 = 3;
    pub(super) const DEADLINE_EXCEEDED: u32 = 4;
    pub(super) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(super) const UNIMPLEMENTED: u32 = 12;
    pub(super) const UNAVAILABLE: u32 = 14;
}

impl Failure {
    pub(crate) fn too_large(what: &str, limit: usize) -> Self {
        Self::TooLarge(format!("{what} has more than {limit} bytes: send it in parts"))
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Undecodable(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotHeld(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// As `google.rpc.Code`. Both kinds of overload are UNAVAILABLE, which clients of any age send again.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Undecodable(_) => code::INVALID_ARGUMENT,
            Self::TooLarge(_) => code::RESOURCE_EXHAUSTED,
            Self::Unsupported(_) | Self::NotFound | Self::Method => code::UNIMPLEMENTED,
            Self::Slow => code::DEADLINE_EXCEEDED,
            Self::Busy(_) | Self::NotHeld(_) => code::UNAVAILABLE,
        }
    }

    /// Whether the same request may be taken later.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::NotHeld(_))
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Undecodable(why) | Self::TooLarge(why) => why.clone(),
            Self::Unsupported(why) | Self::Busy(why) => (*why).to_owned(),
            Self::NotFound => "there is no such service here".to_owned(),
            Self::Method => "use POST".to_owned(),
            Self::Slow => "the body did not arrive in time".to_owned(),
            Self::NotHeld(why) => why.to_string(),
        }
    }
}

impl From<NotHeld> for Failure {
    fn from(why: NotHeld) -> Self {
        Self::NotHeld(why)
    }
}
