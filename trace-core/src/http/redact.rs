//! Texts that clients choose, cut and without secrets.

/// Longest path and query that are recorded, in bytes.
pub(super) const MAX_PATH: usize = 2048;

pub(super) const REDACTED: &str = "REDACTED";

/// The longest prefix of at most `max` bytes.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The names of the parameters. No list of secret names is complete, so every value is replaced, and what has no
/// name is taken for a value.
pub(super) fn redact_query(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    for (i, pair) in query.split('&').enumerate() {
        if i > 0 {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) => {
                out.push_str(name);
                out.push('=');
                out.push_str(REDACTED);
            }
            None if pair.is_empty() => {}
            None => out.push_str(REDACTED),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_keeps_the_names_and_loses_the_values() {
        assert_eq!(redact_query("a=1&token=s3cret&&bare"), "a=REDACTED&token=REDACTED&&REDACTED");
        assert_eq!(redact_query("a=b=c"), "a=REDACTED");
    }

    proptest! {
        #[test]
        fn no_value_survives_redaction(name in "[a-z]{1,8}", value in "[A-Z0-9=]{1,16}") {
            let redacted = redact_query(&format!("{name}={value}"));
            prop_assert_eq!(redacted, format!("{}=REDACTED", name));
        }

        #[test]
        fn a_cut_is_a_prefix_within_the_limit(text in any::<String>(), max in 0usize..64) {
            let short = cut(&text, max);
            prop_assert!(short.len() <= max && text.starts_with(short));
        }
    }
}
