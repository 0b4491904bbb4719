//! Why a module cannot be assembled.

use std::error::Error;

/// Why a [`TraceModule`](super::TraceModule) cannot be assembled. Never shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part cannot be built as it is configured.
    #[error("{path}: {message}")]
    Part {
        /// The key of the part, such as `opentelemetry.tracing.exporters.otlp`.
        path: String,
        /// What is wrong and what to do.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync + 'static>>,
    },
    /// The alerting cannot be built; the message begins with the key.
    #[error(transparent)]
    Alerting(#[from] trace_alerting::ConfigError),
    /// The operating system refused a thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
    /// Two parts registered the same instrument in different ways.
    #[error("cannot register an instrument of the module itself")]
    Instrument(#[from] trace_core::metric::InvalidInstrument),
}

impl BuildError {
    /// A part that cannot be built for the reason that `error` gives.
    pub fn part(path: impl Into<String>, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Part { path: path.into(), message: error.to_string(), source: Some(Box::new(error)) }
    }

    /// A part that cannot be built.
    pub fn message(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Part { path: path.into(), message: message.into(), source: None }
    }
}
