//! What the fuzz targets reach: the reader of a call's body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::receiver::{Gate, ReceiverLimits};

/// The one message of a gRPC call whose `grpc-encoding` is this, of at most so many bytes.
pub fn grpc_message(encoding: Option<HeaderValue>, body: &[u8], limit: usize) -> Option<Bytes> {
    let headers: HeaderMap =
        encoding.map(|e| (http::HeaderName::from_static("grpc-encoding"), e)).into_iter().collect();
    let mut pass = Gate::new(&ReceiverLimits::default()).enter().ok()?;
    super::grpc::message(&headers, Bytes::copy_from_slice(body), limit, &mut pass).ok()
}
