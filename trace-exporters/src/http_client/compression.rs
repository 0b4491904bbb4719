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
}

impl Compression {
    /// The value of `Content-Encoding`; `None` if there is none to send.
    pub(crate) fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
        }
    }

    /// The body as it is sent.
    pub(crate) fn apply(self, body: Bytes) -> std::io::Result<Bytes> {
        match self {
            Self::None => Ok(body),
            Self::Gzip => {
                // The fast level takes about a quarter of the default's time for a few percent more bytes: right for
                // a thread that has to keep up with the recording.
                let room = Vec::with_capacity(body.len() / 4);
                let mut encoder = GzEncoder::new(room, flate2::Compression::fast());
                encoder.write_all(&body)?;
                encoder.finish().map(Bytes::from)
            }
        }
    }
}
