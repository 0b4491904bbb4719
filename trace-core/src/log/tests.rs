//! The logger and the place where records wait.

use std::sync::Arc;

use super::intake::{LogIntake, NoRoom};
use super::{LogLimits, Logger};
use crate::model::{AnyValue, LogBatchMut, LogRecord, LogSeverity, Resource, Timestamp};
use crate::record::{Recorder, suppress_scope};
use crate::span;

fn logger(bytes: usize, wanted: bool) -> Logger {
    let intake = Arc::new(LogIntake::new(bytes, wanted));
    let limits = LogLimits { attributes: 2, value_length: 3 };
    Logger { intake, recorder: Recorder::builder().build().0, limits }
}

fn record(n: i64) -> LogRecord {
    LogRecord::new(LogSeverity::INFO, n)
}

fn taken(logger: &Logger) -> Vec<LogRecord> {
    logger.intake.take().0
}

#[test]
fn a_record_gets_the_active_span_and_the_time_of_observation() {
    let log = logger(1 << 20, true);
    let ids = {
        let span = span!(recorder: &log.recorder, "s");
        log.emit(record(1));
        span.context().unwrap().clone()
    };
    log.emit(record(2));
    let records = taken(&log);
    assert_eq!((records[0].trace_id, records[0].span_id), (Some(ids.trace_id), Some(ids.span_id)));
    assert_eq!(records[0].flags, ids.flags);
    assert_eq!(records[1].trace_id, None);
    assert!(records.iter().all(|r| r.observed > Timestamp::default() && r.time == Timestamp::default()));
}

#[test]
fn limits_keep_the_first_attributes_and_cut_texts_at_characters() {
    let log = logger(1 << 20, true);
    let mut r = record(1);
    r.attributes = vec![
        ("a".into(), "añbcd".into()),
        ("b".into(), AnyValue::List(vec!["abcd".into(), 12345.into()])),
        ("c".into(), 1.into()),
    ];
    log.emit(r);
    let r = taken(&log).remove(0);
    assert_eq!(r.dropped_attributes, 1);
    assert_eq!(r.attribute("a").and_then(AnyValue::as_str), Some("añb"));
    assert_eq!(r.attribute("b"), Some(&AnyValue::List(vec!["abc".into(), 12345.into()])));
}

#[test]
fn nobody_who_wants_records_and_suppression_mean_that_there_are_none() {
    let unwanted = logger(1 << 20, false);
    unwanted.emit(record(1));
    assert!(!unwanted.is_enabled());
    let log = logger(1 << 20, true);
    {
        let _quiet = suppress_scope();
        log.emit(record(1));
        assert!(!log.is_enabled());
    }
    log.emit(record(2));
    assert_eq!((unwanted.intake.counts().received, log.intake.counts().received), (0, 1));
}

#[test]
fn what_finds_no_room_is_counted_and_room_comes_back() {
    let size = record(1).byte_size();
    let log = logger(3 * size, true);
    (0..5).for_each(|n| log.emit(record(n)));
    let c = log.intake.counts();
    assert_eq!((c.received, c.full), (5, 2));
    assert_eq!(taken(&log).len(), 3);
    (0..3).for_each(|n| log.emit(record(n)));
    assert_eq!(log.intake.counts().full, 2);
    log.intake.close();
    log.emit(record(9));
    let c = log.intake.counts();
    assert_eq!((c.received, c.full, c.late), (9, 2, 1));
    assert_eq!(taken(&log).len(), 3, "what came before the end is still there");
}

#[test]
fn records_of_many_threads_come_once_each_and_in_the_order_of_their_thread() {
    let log = logger(64 << 20, true);
    std::thread::scope(|s| {
        for thread in 0..20i64 {
            let log = log.clone();
            s.spawn(move || (0..500).for_each(|n| log.emit(record(thread * 1000 + n))));
        }
    });
    let records = taken(&log);
    assert_eq!(records.len(), 20 * 500);
    let mut next = [0; 20];
    for r in &records {
        let AnyValue::I64(n) = r.body else { panic!("{r:?}") };
        let thread = usize::try_from(n / 1000).unwrap();
        assert_eq!(n % 1000, next[thread]);
        next[thread] += 1;
    }
    assert!(records.is_sorted_by_key(|r| r.observed));
}

#[test]
fn batches_of_others_are_taken_all_or_none() {
    let size = record(1).byte_size();
    let log = logger(3 * size, true);
    let batch = |n| {
        let records = (0..n).map(record).collect();
        (LogBatchMut { resource: Arc::new(Resource::service("other")), records }, None)
    };
    assert_eq!(log.intake.hand_in(vec![batch(2)]), Ok(()));
    assert_eq!(log.intake.hand_in(vec![batch(1), batch(1)]), Err(NoRoom::Full));
    assert_eq!(log.intake.hand_in(vec![batch(9)]), Err(NoRoom::Full));
    assert_eq!(log.intake.counts().received, 2, "what is not taken is not counted");
    assert_eq!(log.intake.take().1.len(), 1);
    assert_eq!(
        log.intake.hand_in(vec![batch(9)]),
        Ok(()),
        "more than there ever is room for, when it is alone"
    );
    log.emit(record(1));
    assert_eq!(log.intake.counts().full, 1);
    log.intake.take();
    log.emit(record(1));
    assert_eq!(log.intake.counts().full, 1);
    log.intake.close();
    assert_eq!(log.intake.hand_in(vec![batch(1)]), Err(NoRoom::Closed));
}
