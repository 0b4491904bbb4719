//! What both protocols can say, and passing over what is not known.

use super::error::Malformed;

/// Structs and containers nested deeper than this are refused. Jaeger's own messages nest five deep.
pub(crate) const MAX_DEPTH: usize = 32;

/// The type of a value on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    /// Texts too.
    Bytes,
    Struct,
    Map,
    Set,
    List,
}

/// Writes one message. Fields of a struct go between `begin` and `end`.
pub(crate) trait Write {
    fn begin(&mut self);
    fn end(&mut self);
    fn bool_field(&mut self, id: i16, value: bool);
    fn i32_field(&mut self, id: i16, value: i32);
    fn i64_field(&mut self, id: i16, value: i64);
    fn double_field(&mut self, id: i16, value: f64);
    fn bytes_field(&mut self, id: i16, value: &[u8]);
    /// A field that is a struct: `begin`, its fields and `end` follow.
    fn struct_field(&mut self, id: i16);
    /// A field that is a list of structs: so many of `begin`, fields and `end` follow.
    fn structs_field(&mut self, id: i16, count: usize);
    /// Structs that were written apart by a writer of the same protocol.
    fn raw(&mut self, bytes: &[u8]);

    fn text_field(&mut self, id: i16, value: &str) {
        self.bytes_field(id, value.as_bytes());
    }
}

/// Reads one message in place.
pub(crate) trait Read<'a> {
    fn begin(&mut self) -> Result<(), Malformed>;
    /// Type and number of the next field of the struct; `None` at its end, which closes it.
    fn field(&mut self) -> Result<Option<(Kind, i16)>, Malformed>;
    fn bool(&mut self) -> Result<bool, Malformed>;
    fn i8(&mut self) -> Result<i8, Malformed>;
    fn i16(&mut self) -> Result<i16, Malformed>;
    fn i32(&mut self) -> Result<i32, Malformed>;
    fn i64(&mut self) -> Result<i64, Malformed>;
    fn double(&mut self) -> Result<f64, Malformed>;
    fn bytes(&mut self) -> Result<&'a [u8], Malformed>;
    /// Type of the elements, and how many: never more than there are bytes left.
    fn list(&mut self) -> Result<(Kind, usize), Malformed>;
    /// Types of keys and values, and how many pairs.
    fn map(&mut self) -> Result<(Kind, Kind, usize), Malformed>;
    /// Counts a container as a level of depth while its elements are passed over.
    fn enter(&mut self) -> Result<(), Malformed>;
    fn leave(&mut self);
}

/// Reads a struct: `f` is called with each field, and says whether it has read its value; else that is passed over.
pub(crate) fn fields<'a, R: Read<'a>, E: From<Malformed>>(
    reader: &mut R,
    mut f: impl FnMut(&mut R, Kind, i16) -> Result<bool, E>,
) -> Result<(), E> {
    reader.begin()?;
    while let Some((kind, id)) = reader.field()? {
        if !f(reader, kind, id)? {
            skip(reader, kind)?;
        }
    }
    Ok(())
}

/// Passes over a value.
pub(crate) fn skip<'a, R: Read<'a>>(reader: &mut R, kind: Kind) -> Result<(), Malformed> {
    match kind {
        Kind::Bool => drop(reader.bool()?),
        Kind::I8 => drop(reader.i8()?),
        Kind::I16 => drop(reader.i16()?),
        Kind::I32 => drop(reader.i32()?),
        Kind::I64 => drop(reader.i64()?),
        Kind::Double => drop(reader.double()?),
        Kind::Bytes => drop(reader.bytes()?),
        Kind::Struct => fields(reader, |_, _, _| Ok::<_, Malformed>(false))?,
        Kind::List | Kind::Set => {
            let (element, count) = reader.list()?;
            reader.enter()?;
            for _ in 0..count {
                skip(reader, element)?;
            }
            reader.leave();
        }
        Kind::Map => {
            let (key, value, count) = reader.map()?;
            reader.enter()?;
            for _ in 0..count {
                skip(reader, key)?;
                skip(reader, value)?;
            }
            reader.leave();
        }
    }
    Ok(())
}
