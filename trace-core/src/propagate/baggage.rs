//! The `baggage` header (W3C Baggage): a few named values that travel with a request.

use std::fmt;

use super::percent::{decode, encode, encoded_len, is_baggage_octet};

const MAX_BYTES: usize = 8192;
const MAX_MEMBERS: usize = 64;

/// One member of a [`Baggage`].
#[derive(Clone, PartialEq, Eq)]
pub struct BaggageEntry {
    key: String,
    value: String,
    properties: String,
}

impl BaggageEntry {
    /// The name: an HTTP token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value, decoded.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What follows the first `;`, as it came; empty if there is nothing.
    pub fn properties(&self) -> &str {
        &self.properties
    }

    fn encoded_len(&self) -> usize {
        let properties = if self.properties.is_empty() { 0 } else { self.properties.len() + 1 };
        self.key.len() + 1 + encoded_len(&self.value) + properties
    }
}

/// Named values that travel with a request, in order; a key occurs once. Never larger than what a header may
/// carry: 64 members and 8192 bytes.
///
/// `Debug` shows keys only, because values may be personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage {
    entries: Vec<BaggageEntry>,
    /// Of the header value.
    bytes: usize,
}

/// A member cannot be added to a baggage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaggage {
    /// The key is empty or has characters that a token must not have.
    #[error("baggage key {0:?} is not a token: letters, digits and !#$%&'*+-.^_`|~ only")]
    Key(String),
    /// A property breaks the grammar.
    #[error("properties of baggage key `{0}` are malformed")]
    Properties(String),
    /// There is no room.
    #[error("baggage key `{0}` does not fit: at most {MAX_MEMBERS} members and {MAX_BYTES} bytes")]
    Full(String),
}

impl Baggage {
    /// No members.
    pub const EMPTY: Self = Self { entries: Vec::new(), bytes: 0 };

    /// Reads header values, joined in order. Malformed members are skipped; of a repeated key the last value
    /// stays; members past the 64th are left out. More than 8192 bytes are refused unread: the result is empty.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let mut baggage = Self::EMPTY;
        if headers.clone().into_iter().map(str::len).sum::<usize>() > MAX_BYTES {
            return baggage;
        }
        for member in headers.into_iter().flat_map(|h| h.split(',')) {
            let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
            let Some((key, value)) = pair.split_once('=') else { continue };
            let value = trim(value);
            // `opentelemetry_sdk` 0.33 leaves a backslash as it is. It is harmless here, and encoded when sent on.
            if value.bytes().all(|b| is_baggage_octet(b) || b == b'\\') {
                // Skips what is malformed, and what does not fit.
                let _ = baggage.insert_with_properties(trim(key), decode(value), trim(properties));
            }
        }
        baggage
    }

    /// Sets a value, in place of one with the same key.
    ///
    /// # Errors
    /// If the key is not a token, or there is no room. Nothing is changed then.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) -> Result<(), InvalidBaggage> {
        self.insert_with_properties(key, value, "")
    }

    /// Sets a value with properties: `name` or `name=value`, separated by `;`, not encoded.
    ///
    /// # Errors
    /// If the key or a property is malformed, or there is no room. Nothing is changed then.
    pub fn insert_with_properties(
        &mut self,
        key: &str,
        value: impl Into<String>,
        properties: &str,
    ) -> Result<(), InvalidBaggage> {
        let excerpt = || key.chars().take(64).collect();
        if !is_token(key) {
            return Err(InvalidBaggage::Key(excerpt()));
        }
        if !properties.is_empty() && !properties.split(';').all(is_property) {
            return Err(InvalidBaggage::Properties(excerpt()));
        }
        let entry = BaggageEntry { key: key.into(), value: value.into(), properties: properties.into() };
        let at = self.entries.iter().position(|e| e.key == key);
        let freed = at.map_or(0, |i| self.entries[i].encoded_len());
        let comma = usize::from(at.is_none() && !self.entries.is_empty());
        let bytes = self.bytes - freed + comma + entry.encoded_len();
        if bytes > MAX_BYTES || (at.is_none() && self.entries.len() == MAX_MEMBERS) {
            return Err(InvalidBaggage::Full(excerpt()));
        }
        match at {
            Some(i) => self.entries[i] = entry,
            None => self.entries.push(entry),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Removes a member and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.entries.iter().position(|e| e.key == key)?;
        let entry = self.entries.remove(at);
        self.bytes -= entry.encoded_len() + usize::from(!self.entries.is_empty());
        Some(entry.value)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|e| e.key == key).map(BaggageEntry::value)
    }

    /// The members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, BaggageEntry> {
        self.entries.iter()
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The header value: printable ASCII, at most 8192 bytes; empty if there are no members.
    pub fn to_header(&self) -> String {
        let mut out = String::with_capacity(self.bytes);
        for entry in &self.entries {
            if !out.is_empty() {
                out.push(',');
            }
            out.push_str(&entry.key);
            out.push('=');
            encode(&entry.value, &mut out);
            if !entry.properties.is_empty() {
                out.push(';');
                out.push_str(&entry.properties);
            }
        }
        out
    }
}

impl<'a> IntoIterator for &'a Baggage {
    type Item = &'a BaggageEntry;
    type IntoIter = std::slice::Iter<'a, BaggageEntry>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Baggage")?;
        f.debug_set().entries(&self.entries).finish()
    }
}

impl fmt::Debug for BaggageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.key)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_property(property: &str) -> bool {
    match property.split_once('=') {
        None => is_token(trim(property)),
        Some((key, value)) => is_token(trim(key)) && trim(value).bytes().all(is_baggage_octet),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_keep_their_order_values_and_properties() {
        let b = Baggage::parse(["a=1 , b = v%20w%2C%C3%A9; p1;p2 = x", "a=2,c=%zz%"]);
        let members: Vec<_> = b.iter().map(|e| (e.key(), e.value(), e.properties())).collect();
        assert_eq!(members, [("a", "2", ""), ("b", "v w,é", "p1;p2 = x"), ("c", "%zz%", "")]);
        assert_eq!(b.to_header(), "a=2,b=v%20w%2C%C3%A9;p1;p2 = x,c=%25zz%25");
    }

    #[test]
    fn malformed_members_are_skipped() {
        let b = Baggage::parse(["novalue, =x,k y=1,\u{fffd}=1,q=\"v\",s=a b,p=1;=,u=é,empty=,good=1=2"]);
        assert_eq!(b.to_header(), "empty=,good=1%3D2");
        assert_eq!(Baggage::parse(["k=%ff"]).get("k"), Some("\u{fffd}"));
        assert_eq!(Baggage::parse(["k=\\"]).to_header(), "k=%5C");
    }

    #[test]
    fn too_many_bytes_are_refused_unread_and_members_past_the_64th_left_out() {
        let list = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(Baggage::parse([list(65).as_str()]).len(), 64);
        let fits = format!("k={}", "v".repeat(8190));
        assert_eq!(Baggage::parse([fits.as_str()]).len(), 1);
        assert!(Baggage::parse([fits.as_str(), "x"]).is_empty());
        // Each of these bytes takes nine when sent on.
        let swells = format!("a=1,k={}", "%ff".repeat(2000));
        assert_eq!(Baggage::parse([swells.as_str()]).to_header(), "a=1");
    }

    #[test]
    fn a_refused_member_changes_nothing() {
        let mut b = Baggage::EMPTY;
        b.insert("k", "v").unwrap();
        let before = b.clone();
        assert!(matches!(b.insert("k y", "v"), Err(InvalidBaggage::Key(_))));
        assert!(matches!(b.insert("", "v"), Err(InvalidBaggage::Key(_))));
        assert!(matches!(b.insert("k", "é".repeat(2000)), Err(InvalidBaggage::Full(_))));
        assert!(matches!(b.insert_with_properties("k", "v", "p\r\nq"), Err(InvalidBaggage::Properties(_))));
        assert_eq!(b, before);
        assert_eq!(b.remove("k"), Some("v".to_owned()));
        assert_eq!(b, Baggage::EMPTY);
    }

    #[test]
    fn debug_shows_no_value() {
        let b = Baggage::parse(["mplp.context_id=secret"]);
        assert_eq!(format!("{b:?}"), "Baggage{mplp.context_id=…}");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_baggage_that_survives_its_header(
            texts in prop::collection::vec(prop_oneof![any::<String>(), "[a-c=,;% \\\\\"]{0,60}"], 0..4),
        ) {
            let b = Baggage::parse(texts.iter().map(String::as_str));
            let header = b.to_header();
            prop_assert!(header.len() <= MAX_BYTES && header.bytes().all(|c| (b' '..=b'~').contains(&c) || c == b'\t'));
            prop_assert_eq!(b.bytes, header.len());
            prop_assert_eq!(Baggage::parse([header.as_str()]), b);
        }

        #[test]
        fn any_value_survives_and_the_size_is_kept(
            ops in prop::collection::vec(("[a-d]", any::<String>(), any::<bool>()), 0..20),
        ) {
            let mut b = Baggage::EMPTY;
            let mut model: Vec<(String, String)> = Vec::new();
            for (key, value, insert) in ops {
                if insert {
                    b.insert(&key, value.clone()).unwrap();
                    match model.iter_mut().find(|(k, _)| *k == key) {
                        Some(entry) => entry.1 = value,
                        None => model.push((key, value)),
                    }
                } else {
                    b.remove(&key);
                    model.retain(|(k, _)| *k != key);
                }
            }
            let read = Baggage::parse([b.to_header().as_str()]);
            let found: Vec<_> = read.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
            prop_assert_eq!(found, model);
            prop_assert_eq!(read, b);
        }
    }
}
