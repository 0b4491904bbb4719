//! Which version a request has, and its bytes: snappy in the block format.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::receiver::{Failure, Pass, media_type};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    /// What the `Content-Type` says; without a `proto` it is 1.0.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        const OTHER: Failure = Failure::Unsupported(
            "the Content-Type must be application/x-protobuf, for 2.0 with proto=io.prometheus.write.v2.Request",
        );
        if media_type(headers) != "application/x-protobuf" {
            return Err(OTHER);
        }
        let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let proto = value.split(';').skip(1).find_map(|p| p.trim().strip_prefix("proto="));
        match proto.map(|p| p.trim_matches('"')) {
            None | Some("prometheus.WriteRequest") => Ok(Self::V1),
            Some("io.prometheus.write.v2.Request") => Ok(Self::V2),
            Some(_) => Err(OTHER),
        }
    }
}

/// Whether the body is compressed as the specifications want it; not to say so means the same.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let encoding = headers.get(CONTENT_ENCODING).map_or(&b"snappy"[..], HeaderValue::as_bytes);
    if encoding.eq_ignore_ascii_case(b"snappy") {
        Ok(())
    } else {
        Err(Failure::Unsupported("the body is compressed in another way than snappy"))
    }
}

/// Decompresses, having looked at the length first.
pub(super) fn unpack(packed: &[u8], limit: usize, pass: &mut Pass) -> Result<Bytes, Failure> {
    let not_snappy = |_| Failure::Undecodable("the body is not snappy in its block format".to_owned());
    let length = snap::raw::decompress_len(packed).map_err(not_snappy)?;
    if length > limit {
        return Err(Failure::too_large("the decompressed body", limit));
    }
    if !pass.take(length) {
        return Err(Failure::Busy("too many bytes are under way"));
    }
    snap::raw::Decoder::new().decompress_vec(packed).map(Bytes::from).map_err(not_snappy)
}
