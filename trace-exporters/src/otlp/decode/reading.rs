//! What has been read so far, and how much more may be.

use super::{DecodeError, Decoded};

/// A request that is being read.
pub(super) struct Reading<T> {
    pub(super) decoded: Decoded<T>,
    left: usize,
    most: usize,
}

impl<T> Reading<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { decoded: Decoded::new(), left: most, most }
    }

    /// Counts records that take room.
    #[inline]
    pub(super) fn records(&mut self, n: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(n).ok_or(DecodeError::TooMany { limit: self.most })?;
        Ok(())
    }
}
