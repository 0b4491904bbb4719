//! Built-in patterns.

use std::fmt;
use std::str::FromStr;

use super::RedactError;

/// A built-in pattern for values. They look for what is recognizable by its form; a password is not, so redact by key
/// as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatternDetector {
    /// User and password of a URL, up to the `@`.
    UrlCredentials,
    /// What follows `Bearer` or `Basic`, and JSON Web Tokens anywhere.
    BearerToken,
    /// Keys with a known beginning: AWS access keys, tokens of GitHub, GitLab, Slack, Stripe, Google, npm.
    AccessKey,
    /// Mail addresses with a host that has a dot, in ASCII.
    Email,
    /// Payment cards of 13 to 19 digits, plain or in the usual groups, with a valid check digit. Texts only: one
    /// whole number in twenty would look like a card.
    CardNumber,
}

impl PatternDetector {
    /// All, in the order in which they are applied: what a URL hides must not be taken for a mail address.
    pub const ALL: [Self; 5] =
        [Self::UrlCredentials, Self::BearerToken, Self::AccessKey, Self::Email, Self::CardNumber];

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UrlCredentials => "url_credentials",
            Self::BearerToken => "bearer_token",
            Self::AccessKey => "access_key",
            Self::Email => "email",
            Self::CardNumber => "card_number",
        }
    }

    /// The pattern. If it has a group, that is what is replaced.
    pub(super) const fn pattern(self) -> &'static str {
        match self {
            // RFC 3986: user information lies between the slashes and the last @ before the path.
            Self::UrlCredentials => r"[A-Za-z][A-Za-z0-9+.\-]*://([^\s/?#\x22'<>]+)@",
            // RFC 6750 and RFC 7617: token68. Shorter ones would be words of a sentence. A JWT (RFC 7519) has three
            // parts, of which the first begins with `{"` in base64.
            Self::BearerToken => {
                r"(?-u:\b)(?i:bearer|basic) +([A-Za-z0-9\-._~+/]{16,}=*)|(?-u:\b)(eyJ[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]*)"
            }
            Self::AccessKey => {
                r"(?-u:\b)(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_\-]{20,}|xox[abeoprs]-[A-Za-z0-9\-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|AIza[A-Za-z0-9_\-]{35}|npm_[A-Za-z0-9]{36})"
            }
            Self::Email => {
                r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
            }
            Self::CardNumber => {
                r"(?-u:\b)(?:[2-6][0-9]{12,18}|[2-6][0-9]{3}(?:[ \-][0-9]{4}){3}(?:[ \-][0-9]{3})?|3[0-9]{3}[ \-][0-9]{6}[ \-][0-9]{4,5})(?-u:\b)"
            }
        }
    }

    /// What a match must contain, as a pattern that is quick to search for. Applied to many values at once, so it must
    /// not look at their edges.
    pub(super) const fn hint(self) -> Option<&'static str> {
        match self {
            Self::UrlCredentials => Some("://"),
            Self::BearerToken => Some("(?i:bearer|basic) |eyJ"),
            Self::AccessKey => Some(
                "AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_live_|[rs]k_test_|AIza|npm_",
            ),
            Self::Email => Some("@"),
            // Digits are everywhere.
            Self::CardNumber => None,
        }
    }

    /// Whether a value is worth the search.
    #[inline]
    pub(super) fn is_possible(self, value: &str) -> bool {
        match self {
            Self::CardNumber => value.len() >= 13 && value.bytes().filter(u8::is_ascii_digit).count() >= 13,
            Self::UrlCredentials | Self::Email => value.as_bytes().contains(&b'@'),
            Self::BearerToken | Self::AccessKey => value.len() >= 8,
        }
    }

    /// Whether what fits the pattern is what is looked for.
    pub(super) fn confirms(self, found: &str) -> bool {
        self != Self::CardNumber || has_check_digit(found)
    }
}

/// The Luhn algorithm (ISO/IEC 7812-1, annex B): every second digit from the right counts double, by its digit sum.
fn has_check_digit(text: &str) -> bool {
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(i, d)| match (i % 2, d * 2) {
            (0, _) => d,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

impl fmt::Display for PatternDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PatternDetector {
    type Err = RedactError;

    fn from_str(text: &str) -> Result<Self, RedactError> {
        Self::ALL.into_iter().find(|d| text.eq_ignore_ascii_case(d.name())).ok_or_else(|| {
            let message = "no built-in detector has this name: known are url_credentials, bearer_token, \
                           access_key, email, card_number"
                .to_owned();
            RedactError::Pattern { pattern: text.chars().take(64).collect(), message }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_luhn() {
        for card in ["4111111111111111", "5500 0000 0000 0004", "3782-822463-10005", "6011000990139424"] {
            assert!(has_check_digit(card), "{card}");
            let mut wrong = card.to_owned();
            let last = wrong.pop().unwrap();
            wrong.push(if last == '9' { '0' } else { char::from(last as u8 + 1) });
            assert!(!has_check_digit(&wrong), "{wrong}");
        }
    }
}
