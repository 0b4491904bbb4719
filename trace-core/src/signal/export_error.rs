//! Why an export failed, and whether to try again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why an export failed: retryable or not, after how long, how many records were refused, whether a person must change
/// something, and the cause.
///
/// The message must not contain credentials.
#[derive(Debug)]
pub struct ExportError {
    message: String,
    retryable: bool,
    retry_after: Option<Duration>,
    rejected: Option<u64>,
    misconfigured: bool,
    source: Option<Box<dyn Error + Send + Sync + 'static>>,
}

impl ExportError {
    /// A failure that may pass: the batch is offered again.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: true,
            retry_after: None,
            rejected: None,
            misconfigured: false,
            source: None,
        }
    }

    /// A failure that stays: the batch is dropped and counted.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { retryable: false, ..Self::retryable(message) }
    }

    /// The destination took the batch but refused this many records. Never retried.
    pub fn partial(rejected: u64, message: impl Into<String>) -> Self {
        Self { rejected: Some(rejected), ..Self::permanent(message) }
    }

    /// The same error with the wait that the destination asked for, if it did.
    #[must_use]
    pub fn after(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.retry_after = wait.into();
        self
    }

    /// The same error, about who sends or where to, such as an unknown token or a wrong address: whatever is sent fails
    /// until somebody changes that. Not retryable; what keeps batches anyway, as a log on disk, may hold them.
    #[must_use]
    pub fn misconfigured(mut self) -> Self {
        (self.misconfigured, self.retryable) = (true, false);
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same batch may be offered again.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether nothing can be delivered until somebody changes the configuration here or there.
    pub fn is_misconfigured(&self) -> bool {
        self.misconfigured
    }

    /// How long the destination asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// How many records were refused while the rest was taken; `None` if the whole batch failed.
    pub fn rejected(&self) -> Option<u64> {
        self.rejected
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|s| &**s as _)
    }
}
