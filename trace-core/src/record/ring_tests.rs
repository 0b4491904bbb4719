//! What the reader of rings makes of what lies in them.
#![cfg(not(trace_loom))]

use std::sync::mpsc::channel;

use super::chunk::Consumer;
use super::ring::{Ring, WORDS};
use super::ring_writer::{Producer, StartHead};
use super::*;
use crate::clock::Clock;
use crate::model::{Scope, SpanData, SpanKind, Timestamp, Value, ValueRef};
use crate::span;

fn take(d: &mut Drain) -> Vec<SpanData> {
    d.drain().seal().iter().map(|s| s.to_span_data()).collect()
}

#[test]
fn a_value_of_one_call_site_may_have_another_type_each_time() {
    let (r, mut d) = Recorder::builder().build();
    let values = [
        Value::from(true),
        Value::from(-5),
        Value::from("short"),
        Value::from("much longer than what is a short text"),
        Value::from(2.5),
        Value::from(false),
        Value::from(""),
        Value::from(i64::MIN),
    ];
    for value in &values {
        drop(span!(recorder: &r, "s", before = "text", value = value, after = 7));
    }
    let spans = take(&mut d);
    assert_eq!(spans.len(), values.len());
    for (span, value) in spans.iter().zip(&values) {
        let got: Vec<_> = span.attributes.iter().map(|kv| (kv.key.as_ref(), kv.value.clone())).collect();
        assert_eq!(got, [("before", "text".into()), ("value", value.clone()), ("after", 7.into())]);
    }
}

#[test]
fn rings_of_several_threads_keep_what_they_had_and_open_spans_wait() {
    let (r, mut d) = Recorder::builder().build();
    let threads: Vec<_> = (0..3)
        .map(|n: i64| {
            let (r, (ready, wait), (go, go_on)) = (r.clone(), channel(), channel::<()>());
            let thread = std::thread::spawn(move || {
                let outer = span!(recorder: &r, "outer", n = n, text = format!("outer {n}"));
                for i in 0..100_i64 {
                    let _inner = span!(recorder: &r, "inner", n = n, i = i, text = format!("{n} {i}"));
                    drop(span!(recorder: &r, "leaf", n = n, long = "x".repeat(i as usize)));
                }
                let _last = span!(recorder: &r, "last", n = n);
                ready.send(()).unwrap();
                go_on.recv().unwrap();
                drop(outer);
            });
            wait.recv().unwrap();
            (thread, go)
        })
        .collect();
    let spans = take(&mut d);
    assert_eq!(spans.len(), 3 * 200, "the outer and the last ones are open");
    let text =
        |s: &SpanData, key: &str| s.attributes.iter().find(|kv| kv.key == key).map(|kv| kv.value.clone());
    for (at, s) in spans.iter().enumerate() {
        let (n, i) = (at as i64 / 200, at as i64 % 200 / 2);
        assert_eq!(text(s, "n"), Some(n.into()));
        match s.name.as_ref() {
            "inner" => assert_eq!(text(s, "text"), Some(format!("{n} {i}").into())),
            _ => assert_eq!(text(s, "long"), Some("x".repeat(i as usize).into())),
        }
    }
    for (thread, go) in threads {
        go.send(()).unwrap();
        thread.join().unwrap();
    }
    let spans = take(&mut d);
    assert_eq!(spans.len(), 6);
    for s in spans.iter().filter(|s| s.name == "outer") {
        let Some(Value::I64(n)) = text(s, "n") else { panic!("{s:?}") };
        assert_eq!(text(s, "text"), Some(format!("outer {n}").into()));
    }
}

static SCOPE: Scope = Scope::from_static("ring", "");
static SITE: Callsite = Callsite::new("span", SpanKind::Internal, &SCOPE, &["n"]);

/// A ring with both its sides.
struct Sides {
    ring: Ring,
    producer: Producer,
    consumer: Consumer,
    clock: Clock,
}

impl Sides {
    fn new() -> Self {
        let ring = Ring::new();
        let producer = Producer::new(&ring, 16);
        let (clock, _) = Clock::manual(Timestamp::from_unix_secs(1));
        Self { ring, producer, consumer: Consumer::default(), clock }
    }

    fn start(&mut self) -> Option<u64> {
        let head = StartHead {
            callsite: SITE.number().unwrap(),
            trace: [1, 1],
            span: 1,
            parent: 0,
            remote_parent: false,
            active: 1,
        };
        let Self { ring, producer, consumer, clock } = self;
        producer.start_values(ring, consumer, clock, head, &[ValueRef::I64(1)]).ok()
    }

    fn end(&mut self, at: u64) {
        assert!(self.producer.end_newest(&self.ring, at, self.clock.ticks()));
    }

    /// Starts and ends a span; where it lies, if there was room.
    fn write(&mut self) -> Option<u64> {
        let at = self.start()?;
        self.end(at);
        Some(at % WORDS as u64)
    }

    fn write_all(&mut self) -> usize {
        std::iter::from_fn(|| self.write()).count()
    }

    fn read(&self) -> usize {
        let mut n = 0;
        self.ring.drain(|_| n += 1);
        n
    }
}

#[test]
fn a_ring_whose_reader_keeps_up_is_used_from_its_beginning_again_and_holds_as_much_as_ever() {
    let mut sides = Sides::new();
    let fits = sides.write_all();
    assert!(fits > WORDS / 10, "a whole ring");
    assert_eq!(sides.read(), fits);
    for round in 0..20 {
        let places: Vec<_> = (0..3_000).map(|_| sides.write()).collect();
        assert!(
            places.iter().all(|at| at.is_some_and(|at| at < 3_000 * 9)),
            "round {round} begins at the beginning"
        );
        assert_eq!(sides.read(), 3_000);
    }
    assert!(sides.write_all().abs_diff(fits) <= 1);
    assert_eq!(sides.write(), None, "what has not been read is not written over");
    assert!(sides.read().abs_diff(fits) <= 1);
}

#[test]
fn a_ring_whose_newest_span_is_open_goes_round() {
    let mut sides = Sides::new();
    let (mut written, mut furthest) = (0, 0);
    for _ in 0..100 {
        furthest = furthest.max((0..1_000).filter_map(|_| sides.write()).max().unwrap());
        let open = sides.start().unwrap();
        assert_eq!(sides.read(), 1_000 + usize::from(written > 0));
        sides.end(open);
        written += 1_001;
    }
    assert_eq!(sides.read(), 1);
    assert!(furthest > WORDS as u64 - 100);
}
