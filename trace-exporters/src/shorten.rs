//! Words of others in our errors.

/// The longest part of a receiver's own words that goes into an error.
const MAX_MESSAGE_CHARS: usize = 300;

/// One line of bounded length without control characters.
pub(crate) fn shorten(text: &str) -> String {
    let clean = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(MAX_MESSAGE_CHARS).collect()
}
