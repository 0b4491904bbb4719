//! What exporters over gRPC share: unary calls with messages that are bytes already.
//!
//! No generated code and no message tree: a frame is a message behind five bytes, a status is three headers. Specification:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

mod client;
pub(crate) mod frame;
mod status;

pub(crate) use client::{CallError, GrpcClient};
pub(crate) use status::{Code, Status};
