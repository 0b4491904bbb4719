//! How a call ended: `grpc-status`, `grpc-message`, and the details that may ask for a wait.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, StatusCode};

use crate::shorten::shorten;
use crate::wire_reader::{Field, Malformed, fields};

/// Senders may leave the padding away, and must read both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const RETRY_INFO: &[u8] = b"google.rpc.RetryInfo";

/// How a call ended, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const CANCELLED: Self = Self(1);
    pub(crate) const UNKNOWN: Self = Self(2);
    pub(crate) const DEADLINE_EXCEEDED: Self = Self(4);
    pub(crate) const PERMISSION_DENIED: Self = Self(7);
    pub(crate) const RESOURCE_EXHAUSTED: Self = Self(8);
    pub(crate) const ABORTED: Self = Self(10);
    pub(crate) const OUT_OF_RANGE: Self = Self(11);
    pub(crate) const UNIMPLEMENTED: Self = Self(12);
    pub(crate) const INTERNAL: Self = Self(13);
    pub(crate) const UNAVAILABLE: Self = Self(14);
    pub(crate) const DATA_LOSS: Self = Self(15);
    pub(crate) const UNAUTHENTICATED: Self = Self(16);

    /// Whether a refusal is about who calls or what is called, and not about the message.
    pub(crate) fn is_misconfigured(self) -> bool {
        matches!(self, Self::PERMISSION_DENIED | Self::UNIMPLEMENTED | Self::UNAUTHENTICATED)
    }

    /// What a code is called; the order is that of the numbers.
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grpc-status {}", self.0)?;
        let name = usize::try_from(self.0).ok().and_then(|code| Self::NAMES.get(code));
        name.map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: Code,
    /// One line of bounded length.
    pub(crate) message: String,
    /// `RetryInfo.retry_delay`, if the details have one.
    pub(crate) retry_delay: Option<Duration>,
}

impl Status {
    /// The status that trailers, or the head of an answer without a body, hold; `None` if there is none.
    pub(crate) fn read(trailers: &HeaderMap) -> Option<Self> {
        let code = trailers.get("grpc-status")?.as_bytes();
        // A number that is none of ours, or none at all, is an unknown one.
        let code = std::str::from_utf8(code).ok().and_then(|c| c.parse().ok()).map_or(Code::UNKNOWN, Code);
        let message = trailers.get("grpc-message").map(|m| percent_decoded(m.as_bytes())).unwrap_or_default();
        let details = trailers.get("grpc-status-details-bin").map(|d| d.as_bytes());
        let retry_delay = details.and_then(|d| BASE64.decode(d).ok()).and_then(|d| retry_delay(&d).ok()?);
        Some(Self { code, message: shorten(&message), retry_delay })
    }

    /// What an answer of HTTP means that has no status of its own: it comes from something between.
    pub(crate) fn of_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => Code::INTERNAL,
            401 => Code::UNAUTHENTICATED,
            403 => Code::PERMISSION_DENIED,
            404 => Code::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Code::UNAVAILABLE,
            _ => Code::UNKNOWN,
        };
        Self { code, message: format!("HTTP {status} without grpc-status"), retry_delay: None }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.code)?;
        match self.message.as_str() {
            "" => Ok(()),
            message => write!(f, ": {message}"),
        }
    }
}

/// A percent sign without two hex digits stays as it is.
fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low)
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `google.rpc.Status{3: details: Any{1: type_url, 2: value: RetryInfo{1: retry_delay: Duration{1: seconds, 2: nanos}}}}`.
fn retry_delay(status: &[u8]) -> Result<Option<Duration>, Malformed> {
    for field in fields(status) {
        let (3, Field::Bytes(any)) = field? else { continue };
        let (mut kind, mut value) = (&[][..], &[][..]);
        for field in fields(any) {
            match field? {
                (1, Field::Bytes(v)) => kind = v,
                (2, Field::Bytes(v)) => value = v,
                _ => {}
            }
        }
        if kind.rsplit(|b| *b == b'/').next() == Some(RETRY_INFO) {
            return delay(value).map(Some);
        }
    }
    Ok(None)
}

/// A delay that is left out, or negative, is none: try again at once.
fn delay(retry_info: &[u8]) -> Result<Duration, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(retry_info) {
        let (1, Field::Bytes(duration)) = field? else { continue };
        for field in fields(duration) {
            match field? {
                (1, Field::Varint(v)) => seconds = u64::try_from(v.cast_signed()).unwrap_or(0),
                (2, Field::Varint(v)) => nanos = u32::try_from(v).unwrap_or(0).min(999_999_999),
                _ => {}
            }
        }
    }
    Ok(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn trailers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(n, v)| (http::HeaderName::from_static(n), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    #[test]
    fn a_status_has_a_code_a_name_and_a_message_in_one_line() {
        let status =
            Status::read(&trailers(&[("grpc-status", "12"), ("grpc-message", "not%20h%C3%A9re%0A%zz%4")]));
        let status = status.unwrap();
        assert_eq!(status.to_string(), "answered grpc-status 12 (UNIMPLEMENTED): not hére %zz%4");
        let odd = Status::read(&trailers(&[("grpc-status", "many")])).unwrap();
        assert_eq!(odd.to_string(), "answered grpc-status 2 (UNKNOWN)");
        assert_eq!(Code(99).to_string(), "grpc-status 99");
        assert_eq!(Status::read(&trailers(&[])), None);
    }

    #[test]
    fn the_delay_of_the_details_is_read_with_padding_and_without() {
        // code 8, one Any with RetryInfo of 2.5 s, as Go and C++ write them.
        let mut info = vec![0x0a, 8, 8, 2, 16];
        prost::encoding::encode_varint(500_000_000, &mut info);
        info[1] = u8::try_from(info.len() - 2).unwrap();
        let kind = b"type.googleapis.com/google.rpc.RetryInfo";
        let any = [&[0x0a, kind.len() as u8], &kind[..], &[0x12, info.len() as u8], &info].concat();
        let status = [&[8, 8, 0x1a, any.len() as u8], &any[..]].concat();
        for text in
            [general_purpose::STANDARD.encode(&status), general_purpose::STANDARD_NO_PAD.encode(&status)]
        {
            let read =
                Status::read(&trailers(&[("grpc-status", "8"), ("grpc-status-details-bin", &text)])).unwrap();
            assert_eq!(read.retry_delay, Some(Duration::from_millis(2500)));
        }
        let other =
            Status::read(&trailers(&[("grpc-status", "8"), ("grpc-status-details-bin", "CAg=")])).unwrap();
        assert_eq!(other.retry_delay, None);
    }

    proptest! {
        #[test]
        fn any_details_are_read_without_panic(details: Vec<u8>, text in "\\PC{0,50}") {
            let _ = retry_delay(&details);
            let _ = delay(&details);
            let _ = percent_decoded(text.as_bytes());
        }
    }
}
