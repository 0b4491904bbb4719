//! Why a request is counted as failed, in a word (`error.type` of OpenTelemetry's semantic conventions).

use http::StatusCode;

use super::{Ended, Outcome, grpc};

/// What stands for an error that nothing is known of (semantic conventions, `error.type`).
const OTHER: &str = "_OTHER";

/// The `error.type` of an error of this type: its name without generic arguments. A box hides what is in it, and the
/// compiler's name for the box changes with its versions: that is `_OTHER`.
pub(super) fn error_name<E>() -> &'static str {
    let name = std::any::type_name::<E>();
    match name.split_once('<') {
        Some((outer, _)) if outer.ends_with("::Box") => OTHER,
        Some((outer, _)) if !outer.is_empty() => outer,
        _ => name,
    }
}

/// Which end of a request is watched: the two judge a status differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Server,
    Client,
}

/// Why a request failed, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ErrorType {
    None,
    /// The status of the response.
    Status(StatusCode),
    /// The status of a gRPC call.
    Grpc(u16),
    /// An error instead of a response, or of a body.
    Failed(&'static str),
    Panic,
    /// Nobody waited for the end. No error, but no success either.
    Cancelled,
}

impl ErrorType {
    pub(super) fn of(ended: &Ended, side: Side) -> Self {
        let by_status = || ended.status.filter(|s| Self::is_bad_status(*s, side));
        let by_grpc = || ended.grpc_status.filter(|code| Self::is_bad_grpc(*code, side));
        match ended.outcome {
            Outcome::Panicked => Self::Panic,
            Outcome::Failed { error_type } => Self::Failed(error_type),
            // A client may drop an answer that it does not need to the end.
            Outcome::Cancelled if side == Side::Server || ended.status.is_none() => Self::Cancelled,
            Outcome::Cancelled | Outcome::Completed => match (by_status(), by_grpc()) {
                (Some(status), _) => Self::Status(status),
                (None, Some(code)) => Self::Grpc(code),
                (None, None) => Self::None,
            },
        }
    }

    fn is_bad_status(status: StatusCode, side: Side) -> bool {
        status.is_server_error() || (side == Side::Client && status.is_client_error())
    }

    fn is_bad_grpc(code: u16, side: Side) -> bool {
        match side {
            Side::Server => grpc::is_server_fault(code),
            Side::Client => code != 0,
        }
    }

    /// Whether the span gets the error status.
    pub(super) fn is_error(self) -> bool {
        !matches!(self, Self::None | Self::Cancelled)
    }

    /// The word; `None` for success.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Status(status) => Some(status.as_str()),
            Self::Grpc(code) => Some(grpc::status_name(*code)),
            Self::Failed(error_type) => Some(error_type),
            Self::Panic => Some("panic"),
            Self::Cancelled => Some("cancelled"),
        }
    }

    /// What the span's status says; nothing where the status code says it all, as the conventions ask.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Failed(OTHER) => "failed",
            Self::Failed(error_type) => error_type,
            Self::Panic => "panicked",
            Self::Grpc(code) => grpc::status_name(code),
            Self::None | Self::Status(_) | Self::Cancelled => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Option<u16>, outcome: Outcome, grpc_status: Option<u16>) -> Ended {
        let status = status.map(|s| StatusCode::from_u16(s).unwrap());
        Ended { status, outcome, request_bytes: None, body_bytes: 0, grpc_status }
    }

    #[test]
    fn an_error_is_named_by_its_type_without_arguments_and_a_box_is_any() {
        struct Retried<T>(std::marker::PhantomData<T>);
        assert_eq!(error_name::<std::io::Error>(), "std::io::error::Error");
        assert!(error_name::<Retried<u8>>().ends_with("::Retried"), "{}", error_name::<Retried<u8>>());
        assert_eq!(error_name::<Box<dyn std::error::Error + Send + Sync>>(), "_OTHER");
        assert_eq!(ErrorType::Failed(error_name::<Box<u8>>()).description(), "failed");
    }

    #[test]
    fn a_server_and_a_client_judge_differently() {
        let name = |e: &Ended, side| ErrorType::of(e, side).name().map(str::to_owned);
        let both = |e: Ended| (name(&e, Side::Server), name(&e, Side::Client));
        let completed = |s, g| both(ended(Some(s), Outcome::Completed, g));
        assert_eq!(completed(200, None), (None, None));
        assert_eq!(completed(404, None), (None, Some("404".into())));
        assert_eq!(completed(503, None), (Some("503".into()), Some("503".into())));
        assert_eq!(completed(200, Some(5)), (None, Some("NOT_FOUND".into())));
        assert_eq!(completed(200, Some(14)), (Some("UNAVAILABLE".into()), Some("UNAVAILABLE".into())));
        assert_eq!(completed(200, Some(0)), (None, None));
        let cancelled = Some("cancelled".to_owned());
        assert_eq!(both(ended(None, Outcome::Cancelled, None)), (cancelled.clone(), cancelled.clone()));
        assert_eq!(both(ended(Some(200), Outcome::Cancelled, None)), (cancelled, None));
    }
}
