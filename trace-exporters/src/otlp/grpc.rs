//! One OTLP request over gRPC, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trace_core::signal::ExportError;

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::http::AGENT;
use super::reply::{Accepted, partial_success, unread};
use crate::grpc_client::{CallError, Code, GrpcClient, Status};
use crate::http_client::{Carried, Compression, HeaderProvider};

/// As for HTTP: a batch that waits longer leaves the queue in the meantime.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(300);

/// A connection to one method.
#[derive(Debug)]
pub(super) struct GrpcTransport {
    client: GrpcClient,
    compression: Compression,
}

impl GrpcTransport {
    pub(super) fn new(
        config: &OtlpConfig,
        signal: Signal,
        provider: Option<Arc<dyn HeaderProvider>>,
    ) -> Result<Self, OtlpConfigError> {
        let carried = Carried::new(config.headers.to_map()?, provider);
        let uri = config.request_uri(signal)?;
        let client = GrpcClient::new(uri, carried, &config.tls, config.timeout)?;
        let client = client.compressing(config.compression).agent(AGENT);
        Ok(Self { client, compression: config.compression })
    }

    /// Sends one encoded request in its frame.
    ///
    /// Cancel safe: a dropped call is cancelled.
    pub(super) async fn send(&self, framed: Bytes) -> Result<Accepted, ExportError> {
        match self.client.call(framed).await {
            Ok(answer) => {
                let mut accepted = partial_success(&answer).unwrap_or_else(|_| unread_success());
                accepted.message = self.client.scrub(accepted.message);
                Ok(accepted)
            }
            Err(CallError::Unreadable(_)) => Ok(unread_success()),
            Err(CallError::Unanswered(error)) => Err(error),
            Err(CallError::Refused(status)) => Err(self.refused(&status)),
        }
    }

    fn refused(&self, status: &Status) -> ExportError {
        let mut message = format!("{}: {status}", self.client.subject());
        if status.code == Code::UNIMPLEMENTED
            && let Some(advice) = self.compression.advice()
        {
            message = format!("{message}; {advice}");
        }
        let message = self.client.scrub(message);
        if !is_retryable(status) {
            let error = ExportError::permanent(message);
            return if status.code.is_misconfigured() { error.misconfigured() } else { error };
        }
        ExportError::retryable(message).after(status.retry_delay.map(|delay| delay.min(MAX_RETRY_DELAY)))
    }
}

/// A server sends a message with a success alone: it has taken the request.
fn unread_success() -> Accepted {
    Accepted { rejected: 0, message: unread("OK") }
}

/// The retryable codes of the OTLP specification, section "Failures".
fn is_retryable(status: &Status) -> bool {
    match status.code {
        Code::CANCELLED
        | Code::DEADLINE_EXCEEDED
        | Code::ABORTED
        | Code::OUT_OF_RANGE
        | Code::UNAVAILABLE
        | Code::DATA_LOSS => true,
        // Without the server saying when, it is a limit that stays.
        Code::RESOURCE_EXHAUSTED => status.retry_delay.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_the_specification_are_retryable_and_no_others() {
        let retryable = |retry_delay| {
            let status = |code| Status { code: Code(code), message: String::new(), retry_delay };
            (0..20).filter(|code| is_retryable(&status(*code))).collect::<Vec<_>>()
        };
        assert_eq!(retryable(None), [1, 4, 10, 11, 14, 15]);
        assert_eq!(retryable(Some(Duration::ZERO)), [1, 4, 8, 10, 11, 14, 15]);
    }
}
