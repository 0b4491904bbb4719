//! Reading the body of a request.

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::gunzip::Gunzip;
use super::{BodyError, Failure, Pass, ReceiverLimits};

/// What is made room for before a byte has come, at most.
const FIRST_ROOM: usize = 1 << 20;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// What the headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        match headers.get(CONTENT_ENCODING) {
            None => Ok(Self::Identity),
            Some(v) => Self::named(v.as_bytes()),
        }
    }

    /// One that is named.
    pub(crate) fn named(name: &[u8]) -> Result<Self, Failure> {
        match name {
            name if name.is_empty() || name.eq_ignore_ascii_case(b"identity") => Ok(Self::Identity),
            name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Ok(Self::Gzip)
            }
            _ => Err(Failure::Unsupported("the body is compressed in another way than gzip")),
        }
    }
}

/// Reads a body, decompresses it as it comes, and stops at the limits.
pub(crate) async fn read_body<B>(
    headers: &HeaderMap,
    body: B,
    encoding: Encoding,
    limits: &ReceiverLimits,
    pass: &mut Pass,
) -> Result<Bytes, Failure>
where
    B: Body + Send,
    B::Error: Into<BodyError>,
{
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|n| n > limits.max_body_bytes) {
        return Err(Failure::too_large("the body", limits.max_body_bytes));
    }
    let read = async {
        match encoding {
            Encoding::Identity => plain(body, declared, limits, pass).await,
            Encoding::Gzip => packed(body, limits, pass).await,
        }
    };
    // Whoever drips a body holds up nobody for long.
    let timeout = limits.body_timeout();
    tokio::time::timeout(timeout, read).await.unwrap_or(Err(Failure::Slow))
}

/// The next bytes of a body; `None` at its end.
async fn next<B>(body: &mut std::pin::Pin<&mut B>) -> Result<Option<B::Data>, Failure>
where
    B: Body,
    B::Error: Into<BodyError>,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Undecodable("the body breaks off".to_owned()))?;
        // Trailers say nothing here.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn plain<B>(
    body: B,
    declared: Option<usize>,
    limits: &ReceiverLimits,
    pass: &mut Pass,
) -> Result<Bytes, Failure>
where
    B: Body,
    B::Error: Into<BodyError>,
{
    let most = limits.max_body_bytes.min(limits.max_decoded_bytes);
    let mut body = std::pin::pin!(body);
    let mut out: Vec<u8> = Vec::new();
    let mut whole = Bytes::new();
    while let Some(mut data) = next(&mut body).await? {
        let n = data.remaining();
        if out.len() + whole.len() + n > most {
            return Err(Failure::too_large("the body", most));
        }
        if !pass.take(n) {
            return Err(Failure::Busy("too many bytes are under way"));
        }
        // A body of one piece is not copied.
        if out.is_empty() && whole.is_empty() {
            whole = data.copy_to_bytes(n);
            continue;
        }
        if !whole.is_empty() {
            out.reserve(declared.unwrap_or(0).clamp(whole.len() + n, FIRST_ROOM.max(whole.len() + n)));
            out.extend_from_slice(&std::mem::take(&mut whole));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            let len = chunk.len();
            out.extend_from_slice(chunk);
            data.advance(len);
        }
    }
    Ok(if out.is_empty() { whole } else { out.into() })
}

async fn packed<B>(body: B, limits: &ReceiverLimits, pass: &mut Pass) -> Result<Bytes, Failure>
where
    B: Body,
    B::Error: Into<BodyError>,
{
    let mut body = std::pin::pin!(body);
    let mut gunzip = Gunzip::new(limits.max_decoded_bytes, pass);
    let mut sent = 0_usize;
    while let Some(mut data) = next(&mut body).await? {
        sent = sent.saturating_add(data.remaining());
        if sent > limits.max_body_bytes {
            return Err(Failure::too_large("the body", limits.max_body_bytes));
        }
        while data.has_remaining() {
            let len = data.chunk().len();
            gunzip.write(data.chunk())?;
            data.advance(len);
        }
    }
    gunzip.finish()
}
