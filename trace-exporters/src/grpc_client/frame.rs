//! The five bytes before each message: whether it is compressed, and its length.

use bytes::Bytes;

use crate::http_client::Compression;

/// A flag and a length of four bytes.
pub(crate) const PREFIX: usize = 5;

/// Leaves room for the prefix: the message is appended, then [`finish`] fills the room.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; PREFIX]);
}

/// Fills in the prefix of the one message after it. `None` if it is longer than a frame can say.
pub(crate) fn finish(frame: &mut [u8], compressed: bool) -> Option<()> {
    let (prefix, message) = frame.split_first_chunk_mut::<PREFIX>()?;
    let length = u32::try_from(message.len()).ok()?;
    prefix[0] = compressed.into();
    prefix[1..].copy_from_slice(&length.to_be_bytes());
    Some(())
}

/// A frame of this message.
pub(crate) fn of(message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(PREFIX + message.len());
    begin(&mut frame);
    frame.extend_from_slice(message);
    // Messages that are built this way are questions of a few hundred bytes.
    let _ = finish(&mut frame, false);
    frame.into()
}

/// The same message, compressed.
pub(crate) fn compress(frame: Bytes, compression: Compression) -> std::io::Result<Bytes> {
    if compression == Compression::None {
        return Ok(frame);
    }
    let mut out = Vec::with_capacity(PREFIX + frame.len() / 4);
    begin(&mut out);
    compression.append(frame.get(PREFIX..).unwrap_or_default(), &mut out)?;
    finish(&mut out, true).ok_or(std::io::ErrorKind::FileTooLarge)?;
    Ok(out.into())
}

/// The message of an answer that has one.
///
/// # Errors
/// Says what is there instead.
pub(crate) fn message(body: &[u8]) -> Result<&[u8], &'static str> {
    let (prefix, message) = body.split_first_chunk::<PREFIX>().ok_or("answered without a message")?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err("answered with a compressed message, which was not asked for");
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err("the answer is not one message");
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_holds_its_message(text: Vec<u8>) {
            let frame = of(&text);
            prop_assert_eq!(message(&frame), Ok(&text[..]));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = message(&bytes);
        }
    }

    #[test]
    fn an_answer_has_one_whole_message_that_is_not_compressed() {
        assert_eq!(message(&[0, 0, 0, 0, 2, 7, 8]), Ok(&[7, 8][..]));
        assert_eq!(message(&[0, 0, 0, 0, 0]), Ok(&[][..]));
        for bad in [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 255, 255, 255, 255]] {
            assert!(message(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_compressed_frame_says_so_and_holds_the_message() {
        let frame = compress(of(&[b'x'; 1000]), Compression::Gzip).unwrap();
        assert_eq!(frame[0], 1);
        assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - PREFIX);
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&frame[PREFIX..]), &mut plain).unwrap();
        assert_eq!(plain, [b'x'; 1000]);
    }
}
