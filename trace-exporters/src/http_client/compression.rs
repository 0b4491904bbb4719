//! How a request body is compressed.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use serde::Deserialize;

/// How a request body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip: less network for more processor time.
    Gzip,
    /// zstd: smaller than gzip for less processor time, at receivers that take it.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// The value of `Content-Encoding` and `grpc-encoding`; `None` if there is none to send.
    pub(crate) fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some("zstd"),
        }
    }

    /// What to do about a refusal that may be one of this compression.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Gzip => None,
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                Some("the body was compressed with zstd, which many receivers do not take: try gzip")
            }
        }
    }

    /// The body as it is sent.
    pub(crate) fn apply(self, body: Bytes) -> std::io::Result<Bytes> {
        if self == Self::None {
            return Ok(body);
        }
        let mut out = Vec::with_capacity(body.len() / 4);
        self.append(&body, &mut out)?;
        Ok(out.into())
    }

    /// Appends the body as it is sent.
    pub(crate) fn append(self, body: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::None => out.extend_from_slice(body),
            Self::Gzip => {
                // The fast level takes about a quarter of the default's time for a few percent more bytes: right for
                // a thread that has to keep up with the recording.
                let mut encoder = GzEncoder::new(out, flate2::Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()?;
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::copy_encode(body, out, 1)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_was_compressed_comes_back_and_follows_what_is_there() {
        let body = b"spans ".repeat(1000);
        let mut out = vec![7];
        Compression::Gzip.append(&body, &mut out).unwrap();
        assert_eq!(out[0], 7);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&out[1..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, body);
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_makes_less_of_a_body_and_it_comes_back() {
        let body = Bytes::from(b"spans ".repeat(1000));
        let sent = Compression::Zstd.apply(body.clone()).unwrap();
        assert!(sent.len() < 200);
        assert_eq!(zstd::stream::decode_all(&sent[..]).unwrap(), body);
    }
}
