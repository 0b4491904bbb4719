//! `TCompactProtocol`: variable widths, and field numbers as differences.

use super::error::Malformed;
use super::input::Input;
use super::protocol::{Kind, Read, Write};

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const PROTOCOL: u8 = 0x82;
const VERSION: u8 = 1;
/// A call that expects no answer.
pub(crate) const ONE_WAY: u8 = 4;
/// A count that follows as a varint instead of standing in the head.
const LONG_FORM: u8 = 15;

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => TRUE,
        Kind::I8 => 3,
        Kind::I16 => 4,
        Kind::I32 => 5,
        Kind::I64 => 6,
        Kind::Double => 7,
        Kind::Bytes => 8,
        Kind::List => 9,
        Kind::Set => 10,
        Kind::Map => 11,
        Kind::Struct => 12,
    }
}

fn kind(code: u8) -> Result<Kind, Malformed> {
    Ok(match code {
        TRUE | FALSE => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::I16,
        5 => Kind::I32,
        6 => Kind::I64,
        7 => Kind::Double,
        8 => Kind::Bytes,
        9 => Kind::List,
        10 => Kind::Set,
        11 => Kind::Map,
        12 => Kind::Struct,
        _ => return Err(Malformed::Invalid),
    })
}

/// Signed numbers with small absolute values become small.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Writes behind what `out` holds.
#[derive(Debug)]
pub(crate) struct CompactWriter<'a> {
    out: &'a mut Vec<u8>,
    /// The last field number of each open struct, innermost last.
    last: Vec<i16>,
}

impl<'a> CompactWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last: Vec::with_capacity(6) }
    }

    /// The head of a message; the struct of its arguments follows.
    pub(crate) fn message(&mut self, form: u8, sequence: u32, name: &str) {
        self.out.extend([PROTOCOL, form << 5 | VERSION]);
        self.varint(sequence.into());
        self.varint(name.len() as u64);
        self.out.extend(name.as_bytes());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn head(&mut self, code: u8, id: i16) {
        let last = self.last.last().copied().unwrap_or(0);
        match id.checked_sub(last) {
            Some(step @ 1..=15) => self.out.push((step as u8) << 4 | code),
            _ => {
                self.out.push(code);
                self.varint(zigzag(id.into()));
            }
        }
        if let Some(last) = self.last.last_mut() {
            *last = id;
        }
    }
}

impl Write for CompactWriter<'_> {
    fn begin(&mut self) {
        self.last.push(0);
    }

    fn end(&mut self) {
        self.out.push(STOP);
        self.last.pop();
    }

    fn bool_field(&mut self, id: i16, value: bool) {
        self.head(if value { TRUE } else { FALSE }, id);
    }

    fn i32_field(&mut self, id: i16, value: i32) {
        self.head(code(Kind::I32), id);
        self.varint(zigzag(value.into()));
    }

    fn i64_field(&mut self, id: i16, value: i64) {
        self.head(code(Kind::I64), id);
        self.varint(zigzag(value));
    }

    fn double_field(&mut self, id: i16, value: f64) {
        self.head(code(Kind::Double), id);
        // Little-endian, as every implementation has it; the specification once said otherwise.
        self.out.extend(value.to_le_bytes());
    }

    fn bytes_field(&mut self, id: i16, value: &[u8]) {
        self.head(code(Kind::Bytes), id);
        self.varint(value.len() as u64);
        self.out.extend(value);
    }

    fn struct_field(&mut self, id: i16) {
        self.head(code(Kind::Struct), id);
    }

    fn structs_field(&mut self, id: i16, count: usize) {
        self.head(code(Kind::List), id);
        let element = code(Kind::Struct);
        if count < LONG_FORM.into() {
            self.out.push((count as u8) << 4 | element);
        } else {
            self.out.push(LONG_FORM << 4 | element);
            self.varint(count as u64);
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
    }
}

/// Reads a message in place.
#[derive(Debug)]
pub(crate) struct CompactReader<'a> {
    input: Input<'a>,
    last: Vec<i16>,
    /// The value of a field of truth, which stands in its head.
    truth: Option<bool>,
}

impl<'a> CompactReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { input: Input::new(bytes), last: Vec::with_capacity(6), truth: None }
    }

    /// The name of the method that a message calls; the struct of its arguments follows.
    pub(crate) fn message(&mut self) -> Result<&'a [u8], Malformed> {
        let [protocol, version] = self.input.array()?;
        if protocol != PROTOCOL || version & 0x1f != VERSION {
            return Err(Malformed::Invalid);
        }
        let _sequence = self.input.varint()?;
        self.bytes()
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let said = self.input.varint()?;
        self.input.checked_len(said)
    }

    fn number(&mut self) -> Result<i64, Malformed> {
        Ok(unzigzag(self.input.varint()?))
    }
}

impl<'a> Read<'a> for CompactReader<'a> {
    fn begin(&mut self) -> Result<(), Malformed> {
        self.last.push(0);
        self.input.enter()
    }

    fn field(&mut self) -> Result<Option<(Kind, i16)>, Malformed> {
        let head = self.input.byte()?;
        let (step, code) = (head >> 4, head & 0xf);
        if code == STOP {
            self.last.pop();
            self.input.leave();
            return Ok(None);
        }
        let id = match step {
            0 => i16::try_from(self.number()?).map_err(|_| Malformed::Invalid)?,
            step => {
                let last = self.last.last().copied().unwrap_or(0);
                last.checked_add(step.into()).ok_or(Malformed::Invalid)?
            }
        };
        if let Some(last) = self.last.last_mut() {
            *last = id;
        }
        let kind = kind(code)?;
        self.truth = (kind == Kind::Bool).then_some(code == TRUE);
        Ok(Some((kind, id)))
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        match self.truth.take() {
            Some(truth) => Ok(truth),
            // In a list it is a byte of its own.
            None => Ok(self.input.byte()? == TRUE),
        }
    }

    fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.input.array()?))
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        i16::try_from(self.number()?).map_err(|_| Malformed::Invalid)
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        i32::try_from(self.number()?).map_err(|_| Malformed::Invalid)
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        self.number()
    }

    fn double(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_le_bytes(self.input.array()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.length()?;
        self.input.take(len)
    }

    fn list(&mut self) -> Result<(Kind, usize), Malformed> {
        let head = self.input.byte()?;
        let count = match head >> 4 {
            LONG_FORM => self.length()?,
            count => self.input.checked_len(count.into())?,
        };
        if count == 0 { Ok((Kind::Bool, 0)) } else { Ok((kind(head & 0xf)?, count)) }
    }

    fn map(&mut self) -> Result<(Kind, Kind, usize), Malformed> {
        let count = self.length()?;
        if count == 0 {
            return Ok((Kind::Bool, Kind::Bool, 0));
        }
        let kinds = self.input.byte()?;
        Ok((kind(kinds >> 4)?, kind(kinds & 0xf)?, count))
    }

    fn enter(&mut self) -> Result<(), Malformed> {
        self.input.enter()
    }

    fn leave(&mut self) {
        self.input.leave();
    }
}
