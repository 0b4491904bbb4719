//! What became of the messages of one batch.

use trace_core::signal::ExportError;

/// What happened to the messages of one batch so far. A failure that may pass ends the whole batch, which is offered
/// again; what is refused for good is counted, and the other messages are still sent.
#[derive(Default)]
pub(crate) struct Outcome {
    rejected: usize,
    reason: Option<String>,
    /// The batch as a whole did not fail.
    taken: bool,
    /// One of the messages was refused for who sends it, or where to.
    misconfigured: bool,
}

impl Outcome {
    /// Counts records of a message that the destination took otherwise, or that were not sent to it.
    pub(crate) fn leave_out(&mut self, count: usize, reason: impl FnOnce() -> String) {
        if count > 0 {
            self.taken = true;
            self.refuse(count, reason());
        }
    }

    /// Adds what became of a message of `count` records; gives the answer if it was taken.
    ///
    /// # Errors
    /// If the whole batch is to be offered again.
    pub(crate) fn add<T>(
        &mut self,
        sent: Result<T, ExportError>,
        count: usize,
    ) -> Result<Option<T>, ExportError> {
        match sent {
            Ok(answer) => {
                self.taken = true;
                return Ok(Some(answer));
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => {
                self.misconfigured |= error.is_misconfigured();
                self.refuse(count, error.to_string());
            }
        }
        Ok(None)
    }

    fn refuse(&mut self, count: usize, reason: String) {
        self.rejected += count;
        // The first reason is the one that explains; later ones mostly repeat it.
        self.reason.get_or_insert(reason);
    }

    pub(crate) fn result(self) -> Result<(), ExportError> {
        let Some(reason) = self.reason else { return Ok(()) };
        let error = match self.taken {
            true => ExportError::partial(self.rejected as u64, reason),
            false => ExportError::permanent(reason),
        };
        Err(if self.misconfigured { error.misconfigured() } else { error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Result<(), ExportError> {
        Err(ExportError::permanent(text))
    }

    #[test]
    fn what_is_refused_is_counted_under_the_first_reason_if_another_message_was_taken() {
        let mut outcome = Outcome::default();
        outcome.leave_out(0, || unreachable!());
        assert_eq!(outcome.add(refusal("bad"), 3).unwrap(), None);
        assert_eq!(outcome.add(refusal("worse"), 4).unwrap(), None);
        assert_eq!(outcome.add(Ok(()), 5).unwrap(), Some(()));
        let error = outcome.result().unwrap_err();
        assert_eq!((error.rejected(), error.to_string().as_str()), (Some(7), "bad"));
    }

    #[test]
    fn a_batch_of_which_nothing_was_taken_has_failed() {
        let mut outcome = Outcome::default();
        outcome.add(refusal("bad"), 3).unwrap();
        let error = outcome.result().unwrap_err();
        assert!(error.rejected().is_none() && !error.is_retryable());
        let again: Result<(), _> = Err(ExportError::retryable("busy"));
        assert!(Outcome::default().add(again, 1).unwrap_err().is_retryable());
    }
}
