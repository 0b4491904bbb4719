//! Keyed hashes: equal values stay recognizable as equal, and nothing else.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Shorter keys can be guessed.
pub(super) const SHORTEST_KEY: usize = 16;

/// HMAC-SHA-256 (RFC 2104) under a secret key. Never shows the key.
#[derive(Clone)]
pub(super) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// `None` if the key is too short.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        if key.len() < SHORTEST_KEY {
            return None;
        }
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// `hmac:` and the first 16 bytes of the hash in hexadecimal digits.
    pub(super) fn of(&self, text: &str) -> String {
        use std::fmt::Write;
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        let mut out = String::with_capacity(37);
        out.push_str("hmac:");
        for byte in &mac.finalize().into_bytes()[..16] {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_rfc() {
        // RFC 4231, test case 1: key of 20 bytes 0x0b, data "Hi There".
        let hash = KeyedHash::new(&[0x0b; 20]).unwrap();
        assert_eq!(hash.of("Hi There"), "hmac:b0344c61d8db38535ca8afceaf0bf12b");
        assert!(KeyedHash::new(b"short").is_none());
    }
}
