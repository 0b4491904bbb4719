//! Rust source with comments and the insides of literals blanked, so that a rule sees code only.

/// Replaces each byte of a comment, and of a string or character literal between its quotes, by a
/// space. Lengths and line breaks stay, so positions are those of the source.
pub(crate) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && is_word(bytes[at - 1]);
        let (open, length) = if rest.starts_with(b"//") {
            (0, line_comment(rest))
        } else if rest.starts_with(b"/*") {
            (0, block_comment(rest))
        } else if let Some((open, length)) = (!after_word).then(|| raw_string(rest)).flatten() {
            (open, length)
        } else if rest[0] == b'"' {
            (1, quoted(rest, b'"'))
        } else if rest[0] == b'\'' && is_character(source, at) {
            (1, quoted(rest, b'\''))
        } else {
            at += 1;
            continue;
        };
        let end = (at + length).min(bytes.len());
        // Quotes stay, on both sides: `open` is 0 for a comment, which has none.
        let inside = at + open..end.saturating_sub(open).max(at + open).min(end);
        for byte in &mut code[inside] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Only whole characters inside ASCII delimiters were blanked, byte by byte.
    String::from_utf8_lossy(&code).into_owned()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// Block comments nest in Rust.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `r"..."`, `br#"..."#`, `cr"..."`: the width of its closing delimiter, and its length.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let prefix = [&b"r"[..], b"br", b"cr"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix) && matches!(rest.get(prefix.len()), Some(b'"' | b'#')))?;
    let hashes = rest[prefix.len()..].iter().take_while(|byte| **byte == b'#').count();
    let start = prefix.len() + hashes + 1;
    if rest.get(start - 1) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let inside = rest[start..].windows(close.len()).position(|window| window == close);
    Some((hashes + 1, inside.map_or(rest.len(), |length| start + length + close.len())))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Tells the literal `'a'` from the lifetime `'a`.
fn is_character(source: &str, at: usize) -> bool {
    let mut next = source[at + 1..].chars();
    match next.next() {
        Some('\\') => true,
        Some(_) => next.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        let cases = [
            ("a // todo!()\nb", "a           \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("todo!()", 1)"#, r#"f("       ", 1)"#),
            (r#"f("a\"b") + c"#, r#"f("    ") + c"#),
            ("'\"' + x", "' ' + x"),
            ("'\\'' + x", "'  ' + x"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("'é'; dbg!(1)", "'  '; dbg!(1)"),
        ];
        for (source, expected) in cases {
            assert_eq!(code_only(source), expected, "{source}");
        }
    }

    #[test]
    fn raw_strings_end_at_their_own_delimiter() {
        let masked = code_only("let s = r#\"a \" todo!() \"#; todo!()");
        assert_eq!(masked.matches("todo!").count(), 1);
        assert!(masked.ends_with("#; todo!()"), "{masked}");
        assert!(code_only("var\"x\"").contains("var\" \""));
    }

    #[test]
    fn what_never_ends_is_blanked_to_the_end_without_panic() {
        for source in ["\"abc", "/* abc", "r#\"abc", "'", "\"abc\\", "b'\\"] {
            assert_eq!(code_only(source).len(), source.len(), "{source}");
        }
    }
}
