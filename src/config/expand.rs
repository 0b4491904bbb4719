//! `${VAR}` and `${VAR:-default}` in one text.

/// Looks up an environment variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a text became.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expansion {
    pub(super) text: String,
    /// The text was one variable and nothing else.
    pub(super) whole: bool,
    /// A variable without a default had no value.
    pub(super) missing: bool,
}

/// Why a text cannot be expanded. Says nothing of the text itself, which may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    #[error("has a ${{ without a }}: close it, or write $${{ for a literal ${{")]
    Unclosed,
    #[error(
        "has a ${{...}} that is none of: ${{NAME}}, ${{NAME:-default}}, with letters, digits and _ in the name; write \
         $${{ for a literal ${{"
    )]
    Malformed,
    #[error("is longer than {MAX_LENGTH} bytes once its variables are filled in")]
    TooLong,
}

const MAX_LENGTH: usize = 64 * 1024;

/// Fills in the variables. An empty variable counts as unset; what is filled in is not expanded again.
pub(super) fn expand(text: &str, env: Env<'_>) -> Result<Expansion, ExpandError> {
    let mut out = Expansion { text: String::new(), whole: false, missing: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            // `$${` stands for `${`: drop one dollar sign.
            out.text.push_str(&rest[..at]);
            out.text.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.text.push_str(&rest[..at]);
        let inner_start = &rest[at + 2..];
        let end = inner_start.find('}').ok_or(ExpandError::Unclosed)?;
        let (name, default) = match inner_start[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner_start[..end], None),
        };
        if !is_name(name) || default.is_some_and(|d| d.contains("${")) {
            return Err(ExpandError::Malformed);
        }
        match env(name).filter(|v| !v.is_empty()) {
            Some(value) => out.text.push_str(&value),
            None => match default {
                Some(default) => out.text.push_str(default),
                None => out.missing = true,
            },
        }
        if out.text.len() > MAX_LENGTH {
            return Err(ExpandError::TooLong);
        }
        rest = &inner_start[end + 1..];
        out.whole = at == 0 && rest.is_empty() && inner_start.len() + 2 == text.len();
    }
    out.text.push_str(rest);
    if out.text.len() > MAX_LENGTH {
        return Err(ExpandError::TooLong);
    }
    Ok(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("alpha".into()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${A}".into()),
            _ => None,
        }
    }

    fn text(input: &str) -> String {
        expand(input, &env).unwrap().text
    }

    #[test]
    fn variables_defaults_and_literals_are_filled_in() {
        for (input, expected) in [
            ("plain", "plain"),
            ("${A}", "alpha"),
            ("x${A}y${A}", "xalphayalpha"),
            ("${NONE:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${A:-d}", "alpha"),
            ("${NONE:-}", ""),
            ("${NONE}", ""),
            ("${NONE:-http://h:1/p}", "http://h:1/p"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("a$b$$c{}", "a$b$$c{}"),
            ("é${A}é", "éalphaé"),
        ] {
            assert_eq!(text(input), expected, "{input}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        assert_eq!(text("${TRICKY}"), "${A}");
    }

    #[test]
    fn a_lone_variable_is_whole_and_an_unset_one_missing() {
        let flags = |input| expand(input, &env).map(|e| (e.whole, e.missing)).unwrap();
        assert_eq!(flags("${A}"), (true, false));
        assert_eq!(flags("${NONE}"), (true, true));
        assert_eq!(flags("${NONE:-1}"), (true, false));
        assert_eq!(flags("Bearer ${EMPTY}"), (false, true));
        assert_eq!(flags("${A}${A}"), (false, false));
        assert_eq!(flags("$${A}"), (false, false));
        assert_eq!(flags("plain"), (false, false));
    }

    #[test]
    fn malformed_variables_are_errors() {
        assert_eq!(expand("a${A", &env), Err(ExpandError::Unclosed));
        for bad in ["${}", "${1A}", "${A-d}", "${A:?e}", "${A B}", "${A:-${B}}", "${é}"] {
            assert_eq!(expand(bad, &env), Err(ExpandError::Malformed), "{bad}");
        }
    }

    #[test]
    fn growth_is_bounded() {
        let big = |_: &str| Some("x".repeat(10_000));
        assert_eq!(expand(&"${A}".repeat(7), &big), Err(ExpandError::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_or_refused(input in "[${}:A-C\\-é ]{0,40}") {
            let _ = expand(&input, &env);
        }

        #[test]
        fn a_text_without_variables_stays(input in "[^$]{0,80}") {
            prop_assert_eq!(expand(&input, &env).unwrap().text, input);
        }
    }
}
