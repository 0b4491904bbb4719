//! What a request from outside held.

/// What a request held.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// One for each resource of the request that has records.
    pub batches: Vec<T>,
    /// Records that were left out.
    pub rejected: u64,
    /// Why the first of them was.
    pub reason: Option<&'static str>,
}

impl<T> Decoded<T> {
    pub(crate) fn new() -> Self {
        Self { batches: Vec::new(), rejected: 0, reason: None }
    }

    pub(crate) fn reject(&mut self, reason: &'static str) {
        self.rejected += 1;
        self.reason.get_or_insert(reason);
    }
}
