//! The ring under a model checker: every interleaving of a writer and a reader, and every value that the memory model
//! lets a load return. `cargo xtask loom` runs it, with a ring of 32 words.

use std::sync::Arc as StdArc;

use loom::sync::Arc;
use loom::thread;

use super::Callsite;
use super::chunk::Consumer;
use super::ring::Ring;
use super::ring_entry::Entry;
use super::ring_texts::Texts;
use super::ring_writer::{Producer, StartHead};
use crate::clock::Clock;
use crate::model::{Scope, SpanKind, Timestamp, ValueRef};

static SCOPE: Scope = Scope::from_static("loom", "");
static SITE: Callsite = Callsite::new("span", SpanKind::Internal, &SCOPE, &["n"]);

fn head(span: u64) -> StartHead {
    StartHead {
        callsite: SITE.number().unwrap(),
        trace: [1, span],
        span,
        parent: 0,
        remote_parent: false,
        active: 1,
    }
}

/// What was read: a span with its value and whether it had ended, or the end of one.
#[derive(Debug, PartialEq)]
enum Read {
    Start(u64, i64, bool),
    End(u64),
}

fn read(ring: &Ring, into: &mut Vec<Read>) {
    ring.drain(|entry| match entry {
        Entry::Start(s) => {
            let span = s.span_id().unwrap().to_u64();
            assert_eq!(s.trace_id().unwrap().to_u128(), 1 << 64 | u128::from(span));
            let value = s.values().next(&mut Texts::default().gather()).cast_signed();
            into.push(Read::Start(span, value, s.end() != 0));
        }
        Entry::End(end) => {
            assert!(end.ticks() != 0);
            into.push(Read::End(end.span_id().unwrap().to_u64()));
        }
    });
}

fn check(write: fn(&Ring, &mut Producer, &Consumer, &Clock) -> Vec<Read>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let ring = Arc::new(Ring::new());
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || {
                let (clock, _) = Clock::manual(Timestamp::from_unix_secs(1));
                let consumer = StdArc::new(Consumer::default());
                let mut producer = Producer::new(&ring, 16);
                write(&ring, &mut producer, &consumer, &clock)
            })
        };
        let mut seen = Vec::new();
        read(&ring, &mut seen);
        // What lies at the end may be looked at while it is written.
        if let Some(open) = ring.newest() {
            assert_eq!(open.trace_id().unwrap().to_u128() as u64, open.span_id().unwrap().to_u64());
        }
        read(&ring, &mut seen);
        let expected = writer.join().unwrap();
        read(&ring, &mut seen);
        assert_eq!(seen, expected);
    });
}

#[test]
fn spans_that_end_in_place_arrive_once_and_whole_while_the_ring_goes_round() {
    check(|ring, producer, consumer, clock| {
        let mut expected = Vec::new();
        for n in 1..=4u64 {
            let values = [ValueRef::I64(n.cast_signed())];
            // A full ring drops, and says so.
            if let Ok(at) = producer.start_values(ring, consumer, clock, head(n), &values) {
                assert!(producer.end_newest(ring, at, clock.ticks()));
                expected.push(Read::Start(n, n.cast_signed(), true));
            }
        }
        assert!(expected.len() >= 2);
        expected
    });
}

#[test]
fn the_end_of_a_span_with_a_child_is_never_lost() {
    check(|ring, producer, consumer, clock| {
        let mut expected = Vec::new();
        let outer = producer.start_values(ring, consumer, clock, head(1), &[ValueRef::I64(1)]);
        assert!(outer.is_ok());
        expected.push(Read::Start(1, 1, false));
        for n in 2..=3u64 {
            let values = [ValueRef::I64(n.cast_signed())];
            if let Ok(at) = producer.start_values(ring, consumer, clock, head(n), &values) {
                assert!(producer.end_newest(ring, at, clock.ticks()));
                expected.push(Read::Start(n, n.cast_signed(), true));
            }
        }
        producer.end(ring, clock.ticks(), ([1, 1], 1), false);
        expected.push(Read::End(1));
        expected
    });
}
