//! Error texts of others without what a URL may hide.

/// The text with user names, passwords and queries of URLs replaced: official exporters name the URL they failed at,
/// and some backends take their key in it.
pub(super) fn without_secrets(text: &str) -> String {
    const HIDDEN: &str = "[redacted]";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + "://".len());
        out.push_str(before);
        let is_end =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | ')' | ']' | '}' | ',');
        let (url, after) = url.split_at(url.find(is_end).unwrap_or(url.len()));
        let (url, query) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
        let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => out.extend([HIDDEN, "@", host, path]),
            None => out.push_str(url),
        }
        if !query.is_empty() {
            out.extend([&query[..1], HIDDEN]);
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn passwords_and_queries_of_urls_are_hidden_and_the_rest_stays() {
        for (text, expected) in [
            ("", ""),
            ("connection refused: a@b?c", "connection refused: a@b?c"),
            (
                "error for url (https://bob:pä@ss@host:4318/v1/traces?api_key=k&x=1): 403",
                "error for url (https://[redacted]@host:4318/v1/traces?[redacted]): 403",
            ),
            ("http://host:1/p, then https://k@h", "http://host:1/p, then https://[redacted]@h"),
            ("ends in ://", "ends in ://"),
            ("http://h#token é", "http://h#[redacted] é"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }
}
