//! `TBinaryProtocol`: fixed widths, big-endian.

use super::error::Malformed;
use super::input::Input;
use super::protocol::{Kind, Read, Write};

const STOP: u8 = 0;

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => 2,
        Kind::I8 => 3,
        Kind::Double => 4,
        Kind::I16 => 6,
        Kind::I32 => 8,
        Kind::I64 => 10,
        Kind::Bytes => 11,
        Kind::Struct => 12,
        Kind::Map => 13,
        Kind::Set => 14,
        Kind::List => 15,
    }
}

fn kind(code: u8) -> Result<Kind, Malformed> {
    Ok(match code {
        2 => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::Double,
        6 => Kind::I16,
        8 => Kind::I32,
        10 => Kind::I64,
        11 => Kind::Bytes,
        12 => Kind::Struct,
        13 => Kind::Map,
        14 => Kind::Set,
        15 => Kind::List,
        _ => return Err(Malformed::Invalid),
    })
}

/// Writes behind what `out` holds.
#[derive(Debug)]
pub(crate) struct BinaryWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> BinaryWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    fn head(&mut self, kind: Kind, id: i16) {
        self.out.push(code(kind));
        self.out.extend(id.to_be_bytes());
    }

    /// Lengths are 31 bits on the wire; a batch is far below, and a longer text is cut by the callers' limits.
    fn length(&mut self, len: usize) {
        self.out.extend(i32::try_from(len).unwrap_or(i32::MAX).to_be_bytes());
    }
}

impl Write for BinaryWriter<'_> {
    fn begin(&mut self) {}

    fn end(&mut self) {
        self.out.push(STOP);
    }

    fn bool_field(&mut self, id: i16, value: bool) {
        self.head(Kind::Bool, id);
        self.out.push(value.into());
    }

    fn i32_field(&mut self, id: i16, value: i32) {
        self.head(Kind::I32, id);
        self.out.extend(value.to_be_bytes());
    }

    fn i64_field(&mut self, id: i16, value: i64) {
        self.head(Kind::I64, id);
        self.out.extend(value.to_be_bytes());
    }

    fn double_field(&mut self, id: i16, value: f64) {
        self.head(Kind::Double, id);
        self.out.extend(value.to_be_bytes());
    }

    fn bytes_field(&mut self, id: i16, value: &[u8]) {
        self.head(Kind::Bytes, id);
        self.length(value.len());
        self.out.extend(value);
    }

    fn struct_field(&mut self, id: i16) {
        self.head(Kind::Struct, id);
    }

    fn structs_field(&mut self, id: i16, count: usize) {
        self.head(Kind::List, id);
        self.out.push(code(Kind::Struct));
        self.length(count);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
    }
}

/// The head of a message with a version: that, and the type in the last byte.
const VERSION: u32 = 0x8001_0000;

/// Reads a bare value, or a message.
#[derive(Debug)]
pub(crate) struct BinaryReader<'a>(Input<'a>);

impl<'a> BinaryReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Input::new(bytes))
    }

    /// The name of the method that a message calls; the struct of its arguments follows. Heads with a version and,
    /// as older writers have them, without one are read.
    pub(crate) fn message(&mut self) -> Result<&'a [u8], Malformed> {
        let first = u32::from_be_bytes(self.0.array()?);
        let name = if first & 0xffff_0000 == VERSION {
            self.bytes()?
        } else {
            let length = i32::try_from(first).map_err(|_| Malformed::Invalid)?;
            let length = self.0.checked_len(u64::try_from(length).map_err(|_| Malformed::Invalid)?)?;
            let name = self.0.take(length)?;
            let _form = self.0.byte()?;
            name
        };
        let _sequence = self.i32()?;
        Ok(name)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let said = i32::from_be_bytes(self.0.array()?);
        self.0.checked_len(u64::try_from(said).map_err(|_| Malformed::Invalid)?)
    }
}

impl<'a> Read<'a> for BinaryReader<'a> {
    fn begin(&mut self) -> Result<(), Malformed> {
        self.0.enter()
    }

    fn field(&mut self) -> Result<Option<(Kind, i16)>, Malformed> {
        match self.0.byte()? {
            STOP => {
                self.0.leave();
                Ok(None)
            }
            code => Ok(Some((kind(code)?, i16::from_be_bytes(self.0.array()?)))),
        }
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.0.byte()? != 0)
    }

    fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.0.array()?))
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.0.array()?))
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.0.array()?))
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.0.array()?))
    }

    fn double(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_be_bytes(self.0.array()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.length()?;
        self.0.take(len)
    }

    fn list(&mut self) -> Result<(Kind, usize), Malformed> {
        let element = self.0.byte()?;
        let count = self.length()?;
        // Some writers give an empty list the type of nothing.
        if count == 0 { Ok((Kind::Bool, 0)) } else { Ok((kind(element)?, count)) }
    }

    fn map(&mut self) -> Result<(Kind, Kind, usize), Malformed> {
        let (key, value) = (self.0.byte()?, self.0.byte()?);
        let count = self.length()?;
        if count == 0 { Ok((Kind::Bool, Kind::Bool, 0)) } else { Ok((kind(key)?, kind(value)?, count)) }
    }

    fn enter(&mut self) -> Result<(), Malformed> {
        self.0.enter()
    }

    fn leave(&mut self) {
        self.0.leave();
    }
}
