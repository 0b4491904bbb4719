//! Patterns for attribute keys.

/// A pattern for keys: `*` stands for any characters, `?` for one, and letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyGlob(Vec<u8>);

impl KeyGlob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut bytes = pattern.to_ascii_lowercase().into_bytes();
        bytes.dedup_by(|a, b| *a == b'*' && *b == b'*');
        Self(bytes)
    }

    /// Whether the whole key fits. Takes at most time in proportion to the product of both lengths: one star is
    /// remembered, and a later one makes earlier ones final.
    pub(super) fn matches(&self, key: &str) -> bool {
        let (pattern, key) = (&self.0, key.as_bytes());
        let (mut p, mut k) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while k < key.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, k));
                    p += 1;
                }
                Some(&c) if c == b'?' || c == key[k].to_ascii_lowercase() => {
                    p += 1;
                    k += 1;
                }
                _ => {
                    let Some((at, from)) = star else { return false };
                    star = Some((at, from + 1));
                    p = at + 1;
                    k = from + 1;
                }
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_should() {
        let fits = |pattern: &str, key: &str| KeyGlob::new(pattern).matches(key);
        assert!(fits("*password*", "DB.Password_hash"));
        assert!(fits("http.request.header.*", "http.request.header.cookie"));
        assert!(fits("a?c", "abc") && !fits("a?c", "ac"));
        assert!(fits("*", "") && fits("", "") && !fits("", "a"));
        assert!(fits("a*b*c", "a-b-b-c") && !fits("a*b*c", "a-b-b"));
        assert!(!fits("token", "token_count") && fits("TOKEN", "token"));
        assert!(fits("a**b", "ab"));
    }

    proptest! {
        #[test]
        fn a_glob_agrees_with_the_regular_expression_of_the_same_meaning(
            pattern in "[ab*?]{0,8}", key in "[ab]{0,10}",
        ) {
            let regex = pattern.replace('*', ".*").replace('?', ".");
            let regex = regex::Regex::new(&format!("^(?:{regex})$")).unwrap();
            prop_assert_eq!(KeyGlob::new(&pattern).matches(&key), regex.is_match(&key));
        }
    }
}
