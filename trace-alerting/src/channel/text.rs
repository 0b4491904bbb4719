//! A notification in words: one line without control characters.

#[cfg(any(feature = "slack", feature = "email"))]
use trace_core::{model::AlertStatus, signal::Notification};

/// `FIRING` or `RESOLVED`, with the number of alerts if there are several.
#[cfg(any(feature = "slack", feature = "email"))]
pub(crate) fn tag(n: &Notification) -> String {
    let word = match n.status {
        AlertStatus::Firing => "FIRING",
        AlertStatus::Resolved => "RESOLVED",
    };
    match n.alerts.len() {
        0 | 1 => word.to_owned(),
        count => format!("{word}:{count}"),
    }
}

/// The text with every control character, line break and direction mark as a space, so that it stays on one line
/// and can not open a header or colour a terminal.
#[cfg(any(test, feature = "console", feature = "email"))]
pub(crate) fn one_line(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if odd(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_breaks_and_no_escapes() {
        assert_eq!(one_line("a\r\nBcc: x\u{1b}[31m\u{202e}b"), "a  Bcc: x [31m b");
    }
}
