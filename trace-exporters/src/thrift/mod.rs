//! Apache Thrift's two protocols, as far as messages of known structure need them: no generated code, no sockets.
//!
//! Specification: `doc/specs/thrift-binary-protocol.md` and `thrift-compact-protocol.md` of Apache Thrift.

mod binary;
mod compact;
mod error;
mod input;
mod protocol;
#[cfg(test)]
mod tests;

pub(crate) use binary::{BinaryReader, BinaryWriter};
pub(crate) use compact::{CompactReader, CompactWriter, ONE_WAY};
pub(crate) use error::Malformed;
pub(crate) use protocol::{Kind, Read, Write, fields};
