//! Both protocols give back what was written, and pass over what is not known.

use proptest::prelude::*;

use super::protocol::skip;
use super::*;

/// One struct with a field of each kind, around another one.
fn write(w: &mut impl Write, number: i64, text: &str, inner: usize) {
    w.begin();
    w.bool_field(1, true);
    w.i32_field(2, number as i32);
    w.i64_field(30, number);
    w.double_field(31, number as f64);
    w.text_field(5, text);
    w.structs_field(32, inner);
    for _ in 0..inner {
        w.begin();
        w.bool_field(1, false);
        w.end();
    }
    w.end();
}

#[derive(Debug, Default, PartialEq)]
struct Found {
    truth: bool,
    small: i32,
    large: i64,
    double: f64,
    text: Vec<u8>,
    inner: usize,
}

fn read<'a>(r: &mut impl Read<'a>) -> Result<Found, Malformed> {
    let mut found = Found::default();
    fields(r, |r, kind, id| {
        match (kind, id) {
            (Kind::Bool, 1) => found.truth = r.bool()?,
            (Kind::I32, 2) => found.small = r.i32()?,
            (Kind::I64, 30) => found.large = r.i64()?,
            (Kind::Double, 31) => found.double = r.double()?,
            (Kind::Bytes, 5) => found.text = r.bytes()?.to_vec(),
            (Kind::List, 32) => {
                let (kind, count) = r.list()?;
                assert!(kind == Kind::Struct || count == 0);
                for _ in 0..count {
                    fields(r, |r, _, _| Ok::<_, Malformed>(!r.bool()?))?;
                }
                found.inner = count;
            }
            _ => return Ok::<_, Malformed>(false),
        }
        Ok(true)
    })?;
    Ok(found)
}

proptest! {
    #[test]
    fn what_is_written_is_read(number: i64, text in "\\PC{0,20}", inner in 0_usize..40) {
        let expected = Found {
            truth: true,
            small: number as i32,
            large: number,
            double: number as f64,
            text: text.clone().into_bytes(),
            inner,
        };
        let mut bytes = Vec::new();
        write(&mut BinaryWriter::new(&mut bytes), number, &text, inner);
        prop_assert_eq!(read(&mut BinaryReader::new(&bytes)).unwrap(), expected);
        prop_assert!(skip(&mut BinaryReader::new(&bytes), Kind::Struct).is_ok());
        for end in 0..bytes.len() {
            prop_assert!(skip(&mut BinaryReader::new(&bytes[..end]), Kind::Struct).is_err());
        }

        let expected = read(&mut BinaryReader::new(&bytes)).unwrap();
        bytes.clear();
        write(&mut CompactWriter::new(&mut bytes), number, &text, inner);
        prop_assert_eq!(read(&mut CompactReader::new(&bytes)).unwrap(), expected);
        prop_assert!(skip(&mut CompactReader::new(&bytes), Kind::Struct).is_ok());
        for end in 0..bytes.len() {
            prop_assert!(skip(&mut CompactReader::new(&bytes[..end]), Kind::Struct).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        for kind in [Kind::Struct, Kind::List, Kind::Map] {
            let _ = skip(&mut BinaryReader::new(&bytes), kind);
            let _ = skip(&mut CompactReader::new(&bytes), kind);
        }
        let _ = CompactReader::new(&bytes).message();
    }
}

#[test]
fn a_deep_nest_and_a_length_beyond_the_message_are_refused() {
    // Structs in structs, and lists in lists.
    let deep = [12, 0, 1].repeat(1000);
    assert_eq!(skip(&mut BinaryReader::new(&deep), Kind::Struct), Err(Malformed::TooDeep));
    let deep = [15, 0, 0, 0, 1].repeat(1000);
    assert_eq!(skip(&mut BinaryReader::new(&deep), Kind::List), Err(Malformed::TooDeep));
    assert_eq!(skip(&mut CompactReader::new(&[0x1c; 1000]), Kind::Struct), Err(Malformed::TooDeep));
    assert_eq!(skip(&mut CompactReader::new(&[0x19; 1000]), Kind::List), Err(Malformed::TooDeep));
    let long = [11, 0, 1, 0x7f, 0xff, 0xff, 0xff, b'x'];
    assert_eq!(skip(&mut BinaryReader::new(&long), Kind::Struct), Err(Malformed::TooLong));
    let long = [0x18, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(skip(&mut CompactReader::new(&long), Kind::Struct), Err(Malformed::TooLong));
    assert_eq!(CompactReader::new(&[0x82, 0x81, 0xff]).message(), Err(Malformed::Truncated));
    assert_eq!(CompactReader::new(&[0x80, 0x81]).message(), Err(Malformed::Invalid));
}

#[test]
fn maps_and_sets_of_any_type_are_passed_over() {
    // {1: {"a": true}}, as a map field and a set field, in the binary protocol; then a field that is known.
    let bytes = [
        &[13, 0, 9, 8, 11, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'a'][..],
        &[14, 0, 10, 3, 0, 0, 0, 2, 7, 7, 2, 0, 1, 1, 0],
    ]
    .concat();
    assert!(read(&mut BinaryReader::new(&bytes)).unwrap().truth);
    // The same in the compact one.
    let bytes = [0x9b, 1, 0x58, 2, 1, b'a', 0x1a, 0x23, 7, 7, 0x01, 0x02, 0];
    assert!(read(&mut CompactReader::new(&bytes)).unwrap().truth);
}
