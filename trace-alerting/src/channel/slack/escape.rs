//! Untrusted text within Slack's limits.

/// Escapes `&`, `<` and `>` and cuts to at most `limit` UTF-16 units, between characters and never inside of an
/// entity. With `<` escaped, `<!channel>`, `<@U...>` and links in the text are only text.
pub(super) fn mrkdwn(text: &str, limit: usize) -> String {
    cut(text, limit, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

/// Plain text, where Slack interprets nothing, cut in the same way.
pub(super) fn plain(text: &str, limit: usize) -> String {
    cut(text, limit, |_| None)
}

fn cut(text: &str, limit: usize, entity: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    let mut used = 0;
    // Where the text ends if an ellipsis must follow.
    let mut end = 0;
    for c in text.chars() {
        // A NUL or an escape character makes Slack refuse the whole body; a line break is welcome.
        let c = if c.is_control() && c != '\n' { ' ' } else { c };
        let mut buffer = [0; 4];
        let piece = entity(c).unwrap_or_else(|| c.encode_utf8(&mut buffer));
        let units = piece.chars().map(char::len_utf16).sum::<usize>();
        if used + units > limit {
            out.truncate(end);
            out.push('…');
            return out;
        }
        used += units;
        out.push_str(piece);
        if used < limit {
            end = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_and_links_become_text() {
        assert_eq!(mrkdwn("<!channel> <@U1> a&b", 100), "&lt;!channel&gt; &lt;@U1&gt; a&amp;b");
    }

    #[test]
    fn a_cut_never_splits_an_entity_or_a_character() {
        assert_eq!(mrkdwn("ab<cd", 5), "ab…");
        assert_eq!(mrkdwn("ab<", 6), "ab&lt;");
        assert_eq!(plain("a😀b", 3), "a…");
        assert_eq!(plain("a😀b", 4), "a😀b");
    }

    proptest! {
        #[test]
        fn the_limit_holds_and_only_entities_have_ampersands(text in "\\PC{0,60}|[&<>]{0,60}", limit in 1_usize..40) {
            let out = mrkdwn(&text, limit);
            prop_assert!(out.encode_utf16().count() <= limit);
            let bare = out.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            prop_assert!(!bare.contains(['&', '<', '>']), "{}", out);
        }
    }
}
