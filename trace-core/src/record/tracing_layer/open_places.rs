//! Open lean spans as the pipeline sees them.
//!
//! Their words lie where every thread may read them, so recording says nothing more. The pipeline's thread looks through
//! the places once a second. The span id, which never repeats, is also the version of the other words (a sequence lock):
//! what was read between two equal ones belongs to that span, whatever ids the subscriber uses again.

use std::sync::atomic::{Ordering, fence};

use super::arena::{Arena, Place};
use crate::model::{SpanId, Timestamp, TraceId};
use crate::record::open_spans::OpenSpan;
use crate::record::{Callsite, ring_header};

/// An open span as its place described it.
pub(in crate::record) struct SeenLean {
    trace_id: TraceId,
    span_id: SpanId,
    /// In ticks.
    pub(in crate::record) start: u64,
    callsite: u32,
}

impl Place {
    /// The span, if there is one, and it stays the same while it is read.
    fn read(&self) -> Option<SeenLean> {
        let span = self.word(5);
        // What is read from here on is of that span or of a later one.
        fence(Ordering::Acquire);
        if self.id.load(Ordering::Acquire) == 0 || !self.is_of_its_span() {
            return None;
        }
        let trace = u128::from(self.word(3)) << 64 | u128::from(self.word(4));
        let (header, start) = (self.word(0), self.word(1));
        // And what was read, of that span or an earlier one, if it is still there.
        fence(Ordering::Acquire);
        if self.id.load(Ordering::Acquire) == 0 || self.word(5) != span {
            return None;
        }
        Some(SeenLean {
            trace_id: TraceId::new(trace)?,
            span_id: SpanId::new(span)?,
            start,
            callsite: ring_header::callsite(header),
        })
    }
}

impl Arena {
    /// Hands over the open spans that began here.
    pub(in crate::record) fn look_through(&self, f: impl FnMut(SeenLean)) {
        self.places().iter().filter_map(Place::read).for_each(f);
    }
}

impl SeenLean {
    /// With the name that it started with.
    pub(in crate::record) fn into_open_span(self, start: Timestamp) -> OpenSpan {
        let name = Callsite::of(self.callsite).map_or("", |site| site.name).to_owned();
        OpenSpan { trace_id: self.trace_id, span_id: self.span_id, name, start }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::record::ring::{START_WORDS, put};

    fn show(place: &Place, id: u64, n: u64) {
        assert!(place.is_free());
        put(&place.words, 0, ring_header::of_start(0, 1, n as u32, START_WORDS as usize));
        [(3, n), (4, n + 1), (5, n), (1, n + 2)].iter().for_each(|(at, word)| put(&place.words, *at, *word));
        place.show(id);
    }

    fn numbers(seen: &SeenLean) -> [u128; 4] {
        let span = seen.span_id.to_u64();
        [span.into(), seen.trace_id.to_u128(), seen.start.into(), seen.callsite.into()]
    }

    fn expected(n: u64) -> [u128; 4] {
        let n = u128::from(n);
        [n, n << 64 | (n + 1), n + 2, n]
    }

    #[test]
    fn a_place_is_read_while_its_span_is_open_and_is_the_one_that_began_there() {
        let arena = Arena::default();
        let place = &arena.places()[3];
        let seen = || {
            let mut all = Vec::new();
            arena.look_through(|seen| all.push(numbers(&seen)));
            all
        };
        assert!(seen().is_empty());
        show(place, 9, 100);
        assert_eq!(seen(), [expected(100)]);
        place.becomes_draft();
        assert_eq!(seen(), [expected(100)], "it goes on");
        place.becomes_other();
        assert!(seen().is_empty());
        place.free();
        show(place, 9, 200);
        assert_eq!(seen(), [expected(200)]);
        place.free();
        assert!(seen().is_empty());
    }

    #[test]
    fn what_is_read_while_spans_come_and_go_is_of_one_span_although_their_ids_are_the_same() {
        let arena = Arena::default();
        let (place, done, both) = (&arena.places()[0], AtomicBool::new(false), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                both.wait();
                for n in 1..200_000 {
                    show(place, 7, n);
                    place.free();
                }
                show(place, 7, 200_000);
                done.store(true, Ordering::Release);
            });
            both.wait();
            let mut read = 0;
            while !done.load(Ordering::Acquire) || read == 0 {
                let Some(seen) = place.read() else { continue };
                read += 1;
                assert_eq!(numbers(&seen), expected(seen.span_id.to_u64()));
            }
        });
    }
}
