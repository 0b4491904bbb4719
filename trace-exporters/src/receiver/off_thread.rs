//! Decoding without holding up other requests.

use bytes::Bytes;

use super::{Failure, NotHeld};

/// Bodies above this are decoded on a thread for such work.
const LONG_BODY: usize = 512 << 10;

pub(crate) async fn off_thread<T: Send + 'static>(
    body: Bytes,
    decode: impl FnOnce(&[u8]) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if body.len() <= LONG_BODY {
        return decode(&body);
    }
    let decoded = tokio::task::spawn_blocking(move || decode(&body)).await;
    // Only if the runtime shuts down.
    decoded.unwrap_or(Err(Failure::NotHeld(NotHeld::Closed)))
}
