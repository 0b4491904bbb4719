//! Decompression that stops at a limit.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use super::{Failure, Pass};

/// Bytes of one write of the decompressor are counted at once; its own buffer has 32 KiB.
pub(crate) struct Gunzip<'a> {
    decoder: MultiGzDecoder<Capped<'a>>,
    any: bool,
}

/// Takes bytes up to a limit.
struct Capped<'a> {
    out: Vec<u8>,
    limit: usize,
    pass: &'a mut Pass,
    failure: Option<Failure>,
}

impl Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.out.len() + bytes.len() > self.limit {
            self.failure = Some(Failure::too_large("the decompressed body", self.limit));
        } else if !self.pass.take(bytes.len()) {
            self.failure = Some(Failure::Busy("too many bytes are under way"));
        }
        if self.failure.is_some() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const NOT_GZIP: &str = "the body is not gzip, or breaks off";

impl<'a> Gunzip<'a> {
    pub(crate) fn new(limit: usize, pass: &'a mut Pass) -> Self {
        let out = Capped { out: Vec::new(), limit, pass, failure: None };
        Self { decoder: MultiGzDecoder::new(out), any: false }
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.any |= !bytes.is_empty();
        let written = self.decoder.write_all(bytes);
        written.map_err(|_| self.failure())
    }

    /// What there was.
    pub(crate) fn finish(mut self) -> Result<Bytes, Failure> {
        if !self.any || self.decoder.try_finish().is_err() {
            return Err(self.failure());
        }
        Ok(std::mem::take(&mut self.decoder.get_mut().out).into())
    }

    fn failure(&mut self) -> Failure {
        self.decoder.get_mut().failure.take().unwrap_or_else(|| Failure::Undecodable(NOT_GZIP.to_owned()))
    }
}

/// The same for bytes that are all there.
pub(crate) fn gunzip(bytes: &[u8], limit: usize, pass: &mut Pass) -> Result<Bytes, Failure> {
    let mut gunzip = Gunzip::new(limit, pass);
    gunzip.write(bytes)?;
    gunzip.finish()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::{Gate, ReceiverLimits};
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], limit: usize) -> Result<Bytes, Failure> {
        let gate = Gate::new(&ReceiverLimits { max_bytes_in_flight: 1 << 20, ..Default::default() });
        gunzip(bytes, limit, &mut gate.enter().unwrap())
    }

    #[test]
    fn what_was_packed_comes_out_also_in_parts() {
        let text = b"spans ".repeat(10_000);
        assert_eq!(read(&gzip(&text), text.len()).unwrap(), text);
        let two = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(read(&two, 6).unwrap(), &b"onetwo"[..]);
        assert_eq!(read(&gzip(b""), 1).unwrap(), &b""[..]);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 8 << 20]);
        assert!(bomb.len() < 16_000);
        assert!(matches!(read(&bomb, 1000), Err(Failure::TooLarge(_))));
        assert!(matches!(read(&bomb, usize::MAX), Err(Failure::Busy(_))), "all requests together");
    }

    #[test]
    fn what_is_not_gzip_or_breaks_off_is_refused() {
        let whole = gzip(b"some text that is long enough");
        let mut wrong = whole.clone();
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        for bad in [&b""[..], b"plain text", &whole[..whole.len() - 1], &whole[..5], &wrong] {
            assert!(matches!(read(bad, 1000), Err(Failure::Undecodable(_))), "{bad:?}");
        }
    }
}
