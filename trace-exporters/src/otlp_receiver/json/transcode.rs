//! JSON to protobuf, value by value, without a tree between.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::message::{Kind, Message, MessageField};

/// A message as protobuf. How deep it may be, `serde_json` limits.
pub(super) fn transcode(json: &[u8], message: &'static Message) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    deserializer.deserialize_map(Fields { message, out: &mut out })?;
    deserializer.end()?;
    Ok(out)
}

/// The keys and values of a message.
struct Fields<'a> {
    message: &'static Message,
    out: &'a mut Vec<u8>,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Key(self.message))? {
            match field {
                Some(field) => {
                    map.next_value_seed(FieldValue { field, in_list: false, out: self.out })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key; `None` if the message has none of this name.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static MessageField>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static MessageField>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.0.iter().find(|f| f.key == key))
    }
}

/// The value of a field.
struct FieldValue<'a> {
    field: &'static MessageField,
    in_list: bool,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl FieldValue<'_> {
    fn is_single(&self) -> bool {
        self.in_list || !self.field.many
    }

    fn tag(&mut self, wire_type: u8) {
        varint(self.out, u64::from(self.field.number) << 3 | u64::from(wire_type));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.tag(2);
        varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A number without fraction. It must have the range of its type.
    fn integer<E: Error>(mut self, v: i128) -> Result<(), E> {
        let out_of_range = || E::custom(format_args!("{} is {v}, which is out of range", self.field.key));
        match self.field.kind {
            Kind::Varint => {
                let bits = i64::try_from(v).map(i64::cast_unsigned).or_else(|_| u64::try_from(v));
                let bits = bits.map_err(|_| out_of_range())?;
                self.tag(0);
                varint(self.out, bits);
            }
            Kind::Zigzag => {
                let v = i32::try_from(v).map_err(|_| out_of_range())?;
                self.tag(0);
                varint(self.out, u64::from((v << 1 ^ v >> 31).cast_unsigned()));
            }
            Kind::Fixed64 => {
                let v = u64::try_from(v).map_err(|_| out_of_range())?;
                self.tag(1);
                self.out.extend_from_slice(&v.to_le_bytes());
            }
            Kind::SignedFixed64 => {
                let v = i64::try_from(v).map_err(|_| out_of_range())?;
                self.tag(1);
                self.out.extend_from_slice(&v.to_le_bytes());
            }
            Kind::Fixed32 => {
                let v = u32::try_from(v).map_err(|_| out_of_range())?;
                self.tag(5);
                self.out.extend_from_slice(&v.to_le_bytes());
            }
            Kind::Double => self.double(v as f64),
            _ => return Err(self.wrong("a number")),
        }
        Ok(())
    }

    fn double(&mut self, v: f64) {
        self.tag(1);
        self.out.extend_from_slice(&v.to_le_bytes());
    }

    fn wrong<E: Error>(&self, found: &str) -> E {
        E::custom(format_args!("{} is {found}, which it cannot be", self.field.key))
    }
}

impl<'de> Visitor<'de> for FieldValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", self.field.key)
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        // In a list it is an element with nothing in it; else as if it were not there.
        if self.in_list && matches!(self.field.kind, Kind::Message(_)) {
            self.bytes(&[]);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, v: bool) -> Result<(), E> {
        if !matches!(self.field.kind, Kind::Bool) || !self.is_single() {
            return Err(self.wrong("true or false"));
        }
        self.tag(0);
        self.out.push(v.into());
        Ok(())
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        if self.is_single() { self.integer(v.into()) } else { Err(self.wrong("a number")) }
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        if self.is_single() { self.integer(v.into()) } else { Err(self.wrong("a number")) }
    }

    fn visit_f64<E: Error>(mut self, v: f64) -> Result<(), E> {
        match self.field.kind {
            _ if !self.is_single() => Err(self.wrong("a number")),
            Kind::Double => {
                self.double(v);
                Ok(())
            }
            // `1e3` is a whole number too; the range is looked at afterwards.
            _ if v.fract() == 0.0 && v.abs() < 1e20 => self.integer(v as i128),
            _ => Err(self.wrong("a number with a fraction")),
        }
    }

    fn visit_str<E: Error>(mut self, v: &str) -> Result<(), E> {
        if !self.is_single() {
            return Err(self.wrong("a text"));
        }
        match self.field.kind {
            Kind::Text => self.bytes(v.as_bytes()),
            // What is not hex is no id.
            Kind::Hex => self.bytes(&hex(v).unwrap_or_default()),
            Kind::Base64 => match base64(v) {
                Some(bytes) => self.bytes(&bytes),
                None => return Err(self.wrong("a text that is not base64")),
            },
            Kind::Double => match v.parse() {
                Ok(number) => self.double(number),
                Err(_) => return Err(self.wrong("a text that is no number")),
            },
            Kind::Bool | Kind::Message(_) => return Err(self.wrong("a text")),
            _ => match v.parse::<i128>() {
                Ok(number) => return self.integer(number),
                Err(_) => return Err(self.wrong("a text that is no number")),
            },
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else { return Err(self.wrong("an object")) };
        if !self.is_single() {
            return Err(self.wrong("an object"));
        }
        self.tag(2);
        let at = self.out.len();
        self.out.extend_from_slice(&[0; LENGTH]);
        Fields { message, out: self.out }.visit_map(map)?;
        let length = self.out.len() - at - LENGTH;
        if let Some(place) = self.out.get_mut(at..at + LENGTH) {
            place.copy_from_slice(&padded(length));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.is_single() {
            return Err(self.wrong("a list"));
        }
        // Elements of packed fields one by one mean the same.
        while list
            .next_element_seed(FieldValue { field: self.field, in_list: true, out: self.out })?
            .is_some()
        {}
        Ok(())
    }
}

/// Bytes of a length that is written before it is known.
const LENGTH: usize = 5;

/// A varint of this many bytes, whatever its value.
fn padded(length: usize) -> [u8; LENGTH] {
    std::array::from_fn(|i| {
        let more = if i + 1 < LENGTH { 0x80 } else { 0 };
        (length >> (7 * i)) as u8 & 0x7f | more
    })
}

fn varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// Either alphabet, with padding or without, as protobuf's JSON takes it.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(text);
    standard.or_else(|_| GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT).decode(text)).ok()
}
