//! A batch in a log: a header and an OTLP request.
//!
//! The header, little-endian: magic (4 bytes), kind (1), version (1), nothing (2), resources (4), records (4), length of the
//! payload (4), CRC32C of the payload (4), records before this frame since the log began (8), time of writing (8, Unix
//! nanoseconds), CRC32C of the header so far (4).

/// Length of a header.
pub(super) const HEADER: usize = 44;
/// How each begins.
pub(super) const MAGIC: [u8; 4] = *b"MPLF";
const VERSION: u8 = 1;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 1 spans, 2 metrics.
    pub(super) kind: u8,
    pub(super) resources: u32,
    /// Spans or data points.
    pub(super) records: u32,
    /// Of the payload, in bytes.
    pub(super) length: u32,
    pub(super) payload_crc: u32,
    /// Records of all frames before this one since the log began: gaps show what is lost.
    pub(super) before: u64,
    /// Unix nanoseconds; informs people, decides nothing.
    pub(super) time: u64,
}

impl Header {
    /// Of a frame with this payload.
    pub(super) fn new(kind: u8, records: u32, before: u64, time: u64, payload: &[u8]) -> Option<Self> {
        let length = u32::try_from(payload.len()).ok()?;
        let payload_crc = crc32c::crc32c(payload);
        Some(Self { kind, resources: 1, records, length, payload_crc, before, time })
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(room) = out.get_mut(at..at + bytes.len()) {
                room.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        put(&MAGIC);
        put(&[self.kind, VERSION, 0, 0]);
        put(&self.resources.to_le_bytes());
        put(&self.records.to_le_bytes());
        put(&self.length.to_le_bytes());
        put(&self.payload_crc.to_le_bytes());
        put(&self.before.to_le_bytes());
        put(&self.time.to_le_bytes());
        let crc = crc32c::crc32c(&out[..HEADER - 4]);
        out[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the start of these bytes, if there is a whole one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEADER] = bytes.first_chunk()?;
        let u32_at = |at: usize| head.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| head.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
        if head[..4] != MAGIC
            || head[5] != VERSION
            || u32_at(HEADER - 4)? != crc32c::crc32c(&head[..HEADER - 4])
        {
            return None;
        }
        Some(Self {
            kind: head[4],
            resources: u32_at(8)?,
            records: u32_at(12)?,
            length: u32_at(16)?,
            payload_crc: u32_at(20)?,
            before: u64_at(24)?,
            time: u64_at(32)?,
        })
    }

    /// Length of the whole frame.
    pub(super) fn frame_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.length)
    }

    /// Records up to the end of this frame.
    pub(super) fn after(&self) -> u64 {
        self.before.saturating_add(u64::from(self.records))
    }

    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length as usize && crc32c::crc32c(payload) == self.payload_crc
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_written_and_no_flipped_bit_passes(
            (kind, records, before, time) in any::<(u8, u32, u64, u64)>(),
            payload in prop::collection::vec(any::<u8>(), 0..50),
            bit in 0..HEADER * 8,
        ) {
            let header = Header::new(kind, records, before, time, &payload).unwrap();
            let mut bytes = header.to_bytes();
            prop_assert_eq!(Header::read(&bytes), Some(header));
            prop_assert!(header.fits(&payload));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::read(&bytes), None);
        }
    }

    #[test]
    fn the_layout_stays_as_it_is() {
        let header = Header::new(1, 2, 3, 4, b"payload").unwrap().to_bytes();
        let hex: String = header.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "4d504c46010100000100000002000000070000007069e3f4030000000000000004000000000000002a6961ec"
        );
    }
}
