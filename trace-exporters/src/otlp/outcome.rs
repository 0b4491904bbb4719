//! What became of the requests of one batch.

use trace_core::signal::ExportError;

use super::reply::Accepted;

/// What happened to the requests of one batch so far.
#[derive(Default)]
pub(super) struct Outcome {
    rejected: usize,
    reason: Option<String>,
    /// The batch as a whole did not fail.
    taken: bool,
    /// One of the requests was refused for who sends it, or where to.
    misconfigured: bool,
}

impl Outcome {
    /// Counts records that will not arrive. `taken` says whether the destination, or the batch as a whole, is fine.
    pub(super) fn refuse(&mut self, count: usize, reason: String, taken: bool) {
        self.rejected += count;
        self.taken |= taken;
        // The first reason is the one that explains; later ones mostly repeat it.
        self.reason.get_or_insert(reason);
    }

    /// Adds the answer to a request of `count` records; gives what the receiver remarked while it took them all.
    ///
    /// # Errors
    /// If the whole batch is to be offered again.
    pub(super) fn add(
        &mut self,
        answer: Result<Accepted, ExportError>,
        count: usize,
        records: &str,
    ) -> Result<Option<String>, ExportError> {
        match answer {
            Ok(Accepted { rejected: 0, message }) => {
                self.taken = true;
                return Ok((!message.is_empty()).then_some(message));
            }
            Ok(Accepted { rejected, message }) => {
                let rejected = usize::try_from(rejected).unwrap_or(count).min(count);
                self.refuse(rejected, format!("{rejected} of {count} {records} rejected: {message}"), true);
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => {
                self.misconfigured |= error.is_misconfigured();
                self.refuse(count, error.to_string(), false);
            }
        }
        Ok(None)
    }

    pub(super) fn result(self) -> Result<(), ExportError> {
        let Some(reason) = self.reason else { return Ok(()) };
        let error = match self.taken {
            true => ExportError::partial(self.rejected as u64, reason),
            false => ExportError::permanent(reason),
        };
        Err(if self.misconfigured { error.misconfigured() } else { error })
    }
}
