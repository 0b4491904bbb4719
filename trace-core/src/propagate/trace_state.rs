//! The `tracestate` header (W3C Trace Context level 2, section 3.3).

use crate::model::TraceState;

const MAX_MEMBERS: usize = 32;
/// Longer lists are refused unread. The standard asks for at least 512.
const MAX_BYTES: usize = 8192;
/// When a list must be cut, members longer than this go first.
const LONG_MEMBER: usize = 128;

/// A `tracestate` list or member is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTraceState {
    /// The whole list is too long.
    #[error("tracestate has {0} bytes, more than {MAX_BYTES}")]
    TooLong(usize),
    /// There are too many members.
    #[error("tracestate has more than {MAX_MEMBERS} members")]
    TooManyMembers,
    /// A member is not `key=value`, or one of them breaks the grammar.
    #[error("tracestate member {0:?} is not a valid key=value")]
    Member(String),
}

impl TraceState {
    /// Parses header values, joined in order. Empty members are skipped; of a repeated key the first, which is the
    /// most recent, stays.
    ///
    /// # Errors
    /// If the list is too long, or any member is malformed: the whole list is to be dropped then.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str> + Clone) -> Result<Self, InvalidTraceState> {
        let bytes = headers.clone().into_iter().map(str::len).sum();
        if bytes > MAX_BYTES {
            return Err(InvalidTraceState::TooLong(bytes));
        }
        let mut members: Vec<(&str, &str)> = Vec::new();
        for member in headers.into_iter().flat_map(|h| h.split(',')).map(|m| m.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').unwrap_or((member, ""));
            check(key, value)?;
            if members.iter().all(|(k, _)| *k != key) {
                members.push((key, value));
            }
            if members.len() > MAX_MEMBERS {
                return Err(InvalidTraceState::TooManyMembers);
            }
        }
        Ok(join(&members))
    }

    /// The members in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|m| m.split_once('='))
    }

    /// The list with this member in front, in place of any with the same key. The last members go if there is no
    /// room for them.
    ///
    /// # Errors
    /// If the key or the value breaks the grammar.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, InvalidTraceState> {
        check(key, value)?;
        let others = self.members().filter(|(k, _)| *k != key);
        let members: Vec<_> = [(key, value)].into_iter().chain(others).take(MAX_MEMBERS).collect();
        Ok(join(&members).truncated(MAX_BYTES))
    }

    /// The list without the member of this key.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        join(&self.members().filter(|(k, _)| *k != key).collect::<Vec<_>>())
    }

    /// The list in at most this many bytes: members over 128 bytes go first, then those at the end.
    #[must_use]
    pub fn truncated(&self, max_bytes: usize) -> Self {
        if self.as_str().len() <= max_bytes {
            return self.clone();
        }
        let mut members: Vec<_> = self.members().collect();
        // Every member but one is preceded by a comma.
        let size = |m: &(&str, &str)| m.0.len() + m.1.len() + 2;
        let mut bytes: usize = members.iter().map(size).sum::<usize>().saturating_sub(1);
        let last_long_one = |m: &[(&str, &str)]| m.iter().rposition(|m| size(m) - 1 > LONG_MEMBER);
        while bytes > max_bytes && !members.is_empty() {
            let at = last_long_one(&members).unwrap_or(members.len() - 1);
            bytes = bytes.saturating_sub(size(&members.remove(at)));
        }
        join(&members)
    }
}

fn join(members: &[(&str, &str)]) -> TraceState {
    let texts: Vec<String> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    TraceState::from_validated(&texts.join(","))
}

fn check(key: &str, value: &str) -> Result<(), InvalidTraceState> {
    if is_key(key) && is_value(value) {
        return Ok(());
    }
    Err(InvalidTraceState::Member(format!("{key}={value}").chars().take(64).collect()))
}

/// `[a-z0-9][a-z0-9_\-*/]{0,255}`, or such a tenant of at most 241 characters, `@`, and a system of at most 14 that
/// begins with a letter.
fn is_key(key: &str) -> bool {
    let plain = |part: &str, max: usize, first: fn(u8) -> bool| {
        part.len() <= max
            && part.bytes().next().is_some_and(first)
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/".contains(&b))
    };
    let letter_or_digit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    match key.split_once('@') {
        None => plain(key, 256, letter_or_digit),
        Some((tenant, system)) => {
            plain(tenant, 241, letter_or_digit) && plain(system, 14, |b| b.is_ascii_lowercase())
        }
    }
}

/// 1 to 256 printable ASCII characters without `,` and `=`, not ending in a blank.
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b',' && b != b'=')
        && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(header: &str) -> Result<String, InvalidTraceState> {
        TraceState::parse([header]).map(|s| s.as_str().to_owned())
    }

    #[test]
    fn headers_are_joined_and_blanks_and_empty_members_left_out() {
        let state = TraceState::parse(["a=1 , b=x y\t", "", " ,c@v=*"]).unwrap();
        assert_eq!(state.as_str(), "a=1,b=x y,c@v=*");
        assert_eq!(state.get("b"), Some("x y"));
        assert_eq!(TraceState::parse([]).unwrap(), TraceState::EMPTY);
        assert!(parse(" , ").unwrap().is_empty());
    }

    #[test]
    fn of_a_repeated_key_the_first_stays() {
        assert_eq!(parse("a=1,b=2,a=3").unwrap(), "a=1,b=2");
    }

    #[test]
    fn keys_and_values_follow_the_grammar() {
        let long = |c: &str, n: usize| c.repeat(n);
        for good in [
            "0a=1".to_owned(),
            format!("{}=1", long("z", 256)),
            format!("{}@{}=1", long("t", 241), long("v", 14)),
            format!("a={}", long("v", 256)),
            "a= !\"~".to_owned(),
        ] {
            assert_eq!(parse(&good).unwrap(), good);
        }
        for bad in [
            "foo".to_owned(),
            "foo=".to_owned(),
            "=1".to_owned(),
            "Foo=1".to_owned(),
            "foo =1".to_owned(),
            "foo@=1".to_owned(),
            "@foo=1".to_owned(),
            "foo@@bar=1".to_owned(),
            "foo@bar@baz=1".to_owned(),
            "a@1=1".to_owned(),
            "_a=1".to_owned(),
            "foo=bar=baz".to_owned(),
            "foo=\u{7f}".to_owned(),
            "foo=é".to_owned(),
            format!("{}=1", long("z", 257)),
            format!("{}@v=1", long("t", 242)),
            format!("t@{}=1", long("v", 15)),
            format!("a={}", long("v", 257)),
        ] {
            assert!(matches!(parse(&bad), Err(InvalidTraceState::Member(_))), "{bad}");
            assert!(parse(&format!("good=1,{bad}")).is_err(), "one bad member spoils the list: {bad}");
        }
    }

    #[test]
    fn more_than_32_members_or_8192_bytes_are_refused() {
        let list = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        assert!(parse(&list(32)).is_ok());
        assert_eq!(parse(&list(33)), Err(InvalidTraceState::TooManyMembers));
        assert_eq!(parse(&" ".repeat(8193)), Err(InvalidTraceState::TooLong(8193)));
    }

    #[test]
    fn a_changed_member_moves_to_the_front_and_the_last_one_makes_room() {
        let full: String = (0..32).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        let state = TraceState::parse([full.as_str()]).unwrap();
        let changed = state.with("k5", "new").unwrap();
        assert!(changed.as_str().starts_with("k5=new,k0=v") && changed.members().count() == 32);
        let added = state.with("mplp", "l:d;f:dm.pa").unwrap();
        assert_eq!(
            (added.get("mplp"), added.get("k31"), added.members().count()),
            (Some("l:d;f:dm.pa"), None, 32)
        );
        assert!(state.with("Bad", "v").is_err());
        assert_eq!(added.without("mplp").get("mplp"), None);
        assert!(TraceState::EMPTY.without("a").is_empty());
    }

    #[test]
    fn cutting_drops_long_members_first_and_then_the_last() {
        let long = format!("long={}", "x".repeat(200));
        let state = TraceState::parse(["a=1", long.as_str(), "b=2", "c=3"]).unwrap();
        assert_eq!(state.truncated(11).as_str(), "a=1,b=2,c=3");
        assert_eq!(state.truncated(10).as_str(), "a=1,b=2");
        assert!(state.truncated(2).is_empty());
        assert_eq!(state.truncated(1000), state);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_parsed_list_is_stable(
            texts in prop::collection::vec(prop_oneof![any::<String>(), "[a-c@=, ]{0,40}"], 0..4),
            max in 0usize..200,
        ) {
            if let Ok(state) = TraceState::parse(texts.iter().map(String::as_str)) {
                prop_assert_eq!(TraceState::parse([state.as_str()]), Ok(state.clone()));
                let cut = state.truncated(max);
                prop_assert!(cut.as_str().len() <= max);
                prop_assert_eq!(TraceState::parse([cut.as_str()]), Ok(cut));
            }
        }
    }
}
