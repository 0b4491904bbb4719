//! How long the spans of chunks took, kept beside the chunks, so that percentiles need not read the spans.
//!
//! Exact: nanoseconds and weights as the spans have them, by operation, kind and outcome. Operations are told apart by their
//! terms, which are 64-bit hashes.
//!
//! A row covers consecutive chunks. Numbers are varints (LEB128) unless said otherwise: how many chunks; how many
//! operations, and their terms (8 bytes each, little-endian); the bytes of each chunk's groups; the groups. A group: the number of
//! its operation, a byte with kind (bits 0 to 2), status (3 and 4), and whether weights follow (5); its length in
//! bytes; and for each span its nanoseconds and, if bit 5 is set, its weight (8 bytes, a little-endian double).

use std::collections::HashMap;
use std::sync::Arc;

use trace_core::batch::{SpanRef, StatusCode};
use trace_core::model::SpanKind;

use super::term::Term;

const WEIGHTED: u8 = 1 << 5;

/// What is known of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Length {
    pub(super) operation: Term,
    /// Kind and status.
    class: u8,
    pub(super) nanos: u64,
    /// How many spans it stands for.
    pub(super) weight: f64,
}

fn kind_number(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 0,
        SpanKind::Server => 1,
        SpanKind::Client => 2,
        SpanKind::Producer => 3,
        SpanKind::Consumer => 4,
    }
}

fn status_number(status: StatusCode) -> u8 {
    match status {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    }
}

impl Length {
    /// Of a span with the term of its name.
    pub(super) fn of(span: SpanRef<'_>, operation: Term) -> Self {
        Self {
            operation,
            class: kind_number(span.kind()) | status_number(span.status_code()) << 3,
            nanos: u64::try_from(span.duration().as_nanos()).unwrap_or(u64::MAX),
            weight: span.adjusted_count(),
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.class >> 3 & 3 == status_number(StatusCode::Error)
    }
}

/// What of the spans of a chunk is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) operation: Option<Term>,
    pub(super) kind: Option<SpanKind>,
    pub(super) status: Option<StatusCode>,
}

impl Wanted {
    fn takes(&self, operation: Term, class: u8) -> bool {
        self.operation.is_none_or(|o| o == operation)
            && self.kind.is_none_or(|k| kind_number(k) == class & 7)
            && self.status.is_none_or(|s| status_number(s) == class >> 3 & 3)
    }

    /// Appends those of a chunk in memory.
    pub(super) fn append_from(&self, chunk: &[Length], out: &mut Vec<Length>) {
        out.extend(chunk.iter().filter(|l| self.takes(l.operation, l.class)));
    }
}

/// The row of these chunks.
pub(super) fn encode(chunks: &[Arc<[Length]>]) -> Vec<u8> {
    let mut numbers: HashMap<Term, u64> = HashMap::new();
    let (mut terms, mut ends, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sorted, mut body) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let before = groups.len();
        sorted.clear();
        sorted.extend_from_slice(chunk);
        sorted.sort_by_key(|l| (l.operation, l.class));
        for group in sorted.chunk_by(|a, b| (a.operation, a.class) == (b.operation, b.class)) {
            let Some(first) = group.first() else { continue };
            let number = *numbers.entry(first.operation).or_insert_with(|| {
                terms.push(first.operation);
                terms.len() as u64 - 1
            });
            let weighted = group.iter().any(|l| l.weight != 1.0);
            body.clear();
            for length in group {
                put(&mut body, length.nanos);
                if weighted {
                    body.extend_from_slice(&length.weight.to_le_bytes());
                }
            }
            put(&mut groups, number);
            groups.push(first.class | if weighted { WEIGHTED } else { 0 });
            put(&mut groups, body.len() as u64);
            groups.extend_from_slice(&body);
        }
        put(&mut ends, (groups.len() - before) as u64);
    }
    let mut row = Vec::with_capacity(groups.len() + ends.len() + terms.len() * 8 + 8);
    put(&mut row, chunks.len() as u64);
    put(&mut row, terms.len() as u64);
    terms.iter().for_each(|term| row.extend_from_slice(&term.to_le_bytes()));
    row.extend_from_slice(&ends);
    row.extend_from_slice(&groups);
    row
}

/// A row that was read.
#[derive(Debug)]
pub(super) struct Lengths {
    row: Vec<u8>,
    terms: Vec<Term>,
    /// Where the groups of each chunk end.
    ends: Vec<usize>,
    groups: usize,
}

impl Lengths {
    /// `None` if it is none.
    pub(super) fn decode(row: Vec<u8>) -> Option<Self> {
        let mut rest = row.as_slice();
        // Each takes a byte at least, so that no claim allocates more than there are bytes.
        let chunks = usize::try_from(take(&mut rest)?).ok().filter(|n| *n <= rest.len())?;
        let count = usize::try_from(take(&mut rest)?).ok().filter(|n| *n <= rest.len() / 8)?;
        let (terms, after) = rest.split_at_checked(count * 8)?;
        let terms = terms.as_chunks::<8>().0.iter().map(|term| Term::from_le_bytes(*term)).collect();
        rest = after;
        let (mut ends, mut end) = (Vec::with_capacity(chunks), 0_usize);
        for _ in 0..chunks {
            end = end.checked_add(usize::try_from(take(&mut rest)?).ok()?)?;
            ends.push(end);
        }
        let groups = row.len() - rest.len();
        (end == rest.len()).then_some(Self { row, terms, ends, groups })
    }

    /// How many chunks it covers.
    pub(super) fn chunks(&self) -> usize {
        self.ends.len()
    }

    /// Appends what is wanted of a chunk. `None`, and nothing appended, if it is not there or cannot be read.
    pub(super) fn read(&self, chunk: usize, wanted: &Wanted, out: &mut Vec<Length>) -> Option<()> {
        let before = out.len();
        let read = self.try_read(chunk, wanted, out);
        if read.is_none() {
            out.truncate(before);
        }
        read
    }

    fn try_read(&self, chunk: usize, wanted: &Wanted, out: &mut Vec<Length>) -> Option<()> {
        let from = chunk.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let to = *self.ends.get(chunk)?;
        let mut rest = self.row.get(self.groups + from..self.groups + to)?;
        while !rest.is_empty() {
            let operation = *self.terms.get(usize::try_from(take(&mut rest)?).ok()?)?;
            let class = *rest.split_off_first()?;
            let length = usize::try_from(take(&mut rest)?).ok()?;
            let (mut body, after) = rest.split_at_checked(length)?;
            rest = after;
            if !wanted.takes(operation, class & !WEIGHTED) {
                continue;
            }
            while !body.is_empty() {
                let nanos = take(&mut body)?;
                let mut weight = 1.0;
                if class & WEIGHTED != 0 {
                    let (bytes, after) = body.split_first_chunk::<8>()?;
                    (weight, body) = (f64::from_le_bytes(*bytes), after);
                }
                out.push(Length { operation, class: class & !WEIGHTED, nanos, weight });
            }
        }
        Some(())
    }
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.split_off_first()?;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn length() -> impl Strategy<Value = Length> {
        let weight = prop_oneof![Just(1.0), 0.001..1e9];
        let nanos = prop_oneof![0..2000_u64, any::<u64>()];
        (0..5_u64, 0..5_u8, 0..3_u8, nanos, weight).prop_map(|(operation, kind, status, nanos, weight)| {
            Length { operation, class: kind | status << 3, nanos, weight }
        })
    }

    fn sorted(mut all: Vec<Length>) -> Vec<Length> {
        all.sort_by(|a, b| {
            (a.operation, a.class, a.nanos)
                .cmp(&(b.operation, b.class, b.nanos))
                .then(a.weight.total_cmp(&b.weight))
        });
        all
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_and_only_what_is_wanted(
            chunks in vec(vec(length(), 0..40), 0..6),
            operation in prop::option::of(0..5_u64), failed: bool,
        ) {
            let wanted = Wanted { operation, kind: None, status: failed.then_some(StatusCode::Error) };
            let shared: Vec<Arc<[Length]>> = chunks.iter().map(|c| c.clone().into()).collect();
            let row = Lengths::decode(encode(&shared)).unwrap();
            prop_assert_eq!(row.chunks(), chunks.len());
            for (i, chunk) in chunks.iter().enumerate() {
                let (mut read, mut expected) = (Vec::new(), Vec::new());
                row.read(i, &wanted, &mut read).unwrap();
                wanted.append_from(chunk, &mut expected);
                prop_assert!(expected.iter().all(|l| !failed || l.is_error()));
                prop_assert_eq!(sorted(read), sorted(expected));
            }
            prop_assert!(row.read(chunks.len(), &wanted, &mut Vec::new()).is_none());
        }

        #[test]
        fn any_bytes_end_without_panic_and_leave_nothing_behind(bytes: Vec<u8>, chunk in 0..4_usize) {
            let mut out = Vec::new();
            let read = Lengths::decode(bytes).and_then(|row| row.read(chunk, &Wanted::default(), &mut out));
            prop_assert!(read.is_some() || out.is_empty());
        }
    }
}
