//! What an error says about itself.

use std::any::Any;
use std::error::Error;

/// The longest message that is kept, in bytes.
const MAX_MESSAGE: usize = 4096;

/// The kind and the text of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The kind: a type name, or `panic`.
    pub kind: String,
    /// What happened, with the causes behind it.
    pub message: String,
}

impl ErrorInfo {
    /// The path of the error's type, and its message followed by those of its causes. For a trait object the type
    /// is `dyn core::error::Error`: use [`ErrorInfo::new`] if you know better.
    pub fn of<E: Error + ?Sized>(error: &E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        // An error that is its own cause would go on for ever.
        while let Some(c) = cause.filter(|_| message.len() < MAX_MESSAGE) {
            message.push_str(": ");
            message.push_str(&c.to_string());
            cause = c.source();
        }
        Self::new(std::any::type_name::<E>(), message)
    }

    /// An error with this kind and text; overlong text is cut.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            let end = (0..=MAX_MESSAGE).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
            message.truncate(end);
        }
        Self { kind: kind.into(), message }
    }

    /// What a panic left behind.
    pub fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::new("panic", text.unwrap_or("no message"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot plan")]
    struct Planning(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_tells_its_type_and_its_causes() {
        let info = ErrorInfo::of(&Planning("x".parse::<i32>().unwrap_err()));
        assert!(info.kind.ends_with("::Planning"), "{}", info.kind);
        assert_eq!(info.message, "cannot plan: invalid digit found in string");
    }

    #[test]
    fn overlong_text_is_cut_between_characters() {
        let info = ErrorInfo::new("k", "é".repeat(4000));
        assert_eq!(info.message.len(), MAX_MESSAGE);
    }
}
