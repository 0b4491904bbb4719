//! The exporter in front of a real log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use trace_core::pipeline::RetryPolicy;
use trace_core::signal::{ExportError, SpanExporter};

use crate::delivery::spill::{Fsync, Spill, SpillConfig, SpillError, SpillMode, WhileMisconfigured, inspect};
use crate::delivery::testing::{Answers, spans};

fn config(dir: &tempfile::TempDir) -> SpillConfig {
    SpillConfig { segment_bytes: 4096, max_bytes: 1 << 20, ..SpillConfig::new(dir.path().join("log")) }
}

fn retry() -> RetryPolicy {
    RetryPolicy {
        initial: Duration::from_millis(1),
        max: Duration::from_millis(5),
        give_up_after: Duration::MAX,
    }
}

fn down() -> Result<(), ExportError> {
    Err(ExportError::retryable("down"))
}

#[tokio::test]
async fn a_batch_is_taken_at_once_and_delivered_in_order_after_failures() {
    let dir = tempfile::tempdir().unwrap();
    let answers = Answers::new([down(), down(), down()]);
    let spill = Spill::spans(&config(&dir), retry(), answers.clone()).unwrap();
    for id in 1..50 {
        spill.export(&spans(id..id + 1)).await.unwrap();
    }
    spill.flush().await.unwrap();
    assert_eq!(answers.taken(), (1..50).collect::<Vec<_>>());
    let counts = spill.stats().counts();
    assert_eq!((counts.accepted, counts.delivered, counts.held, counts.retries), (49, 49, 0, 3));
    spill.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_left_at_the_shutdown_is_kept_said_and_found_again() {
    for fsync in [Fsync::Never, Fsync::Interval, Fsync::Always] {
        let dir = tempfile::tempdir().unwrap();
        let config = SpillConfig { fsync, ..config(&dir) };
        let spill = Spill::spans(&config, retry(), Answers::repeating(down)).unwrap();
        let stats = spill.stats();
        for id in 1..20 {
            spill.export(&spans(id..id + 1)).await.unwrap();
        }
        let locked = Spill::spans(&config, retry(), Answers::new([])).unwrap_err();
        assert!(matches!(locked, SpillError::Locked { .. }));
        assert!(locked.to_string().contains(&std::process::id().to_string()), "{locked}");
        spill.shutdown().await.unwrap();
        assert_eq!((stats.counts().held, stats.counts().dropped.len()), (19, 0));
        drop(spill);

        let report = inspect(&config.dir).unwrap();
        assert_eq!((report.logs[0].held, report.logs[0].segments.iter().map(|s| s.spans).sum()), (19, 19));
        assert!(report.to_string().contains("19 records wait"), "{report}");

        let answers = Answers::new([]);
        let spill = Spill::spans(&config, retry(), answers.clone()).unwrap();
        assert_eq!(spill.stats().counts().recovered, 19);
        spill.flush().await.unwrap();
        assert_eq!(answers.taken(), (1..20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_flush_ends_in_time_and_says_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpillConfig { flush_wait_ms: 30, ..config(&dir) };
    let spill = Spill::spans(&config, retry(), Answers::repeating(down)).unwrap();
    spill.export(&spans(1..4)).await.unwrap();
    let error = spill.flush().await.unwrap_err().to_string();
    assert!(error.starts_with("3 records wait") && error.ends_with("down"), "{error}");
}

#[tokio::test]
async fn small_batches_travel_together_and_a_bad_one_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mut down, bad) = (vec![down()], || Err(ExportError::permanent("one is bad")));
    // The first is on its way alone; then nine together, which are refused, and each by itself.
    down.extend([Ok(()), bad(), Ok(()), bad()]);
    let answers = Answers::new(down);
    let slow =
        RetryPolicy { initial: Duration::from_millis(200), max: Duration::from_millis(200), ..retry() };
    let spill = Spill::spans(&config(&dir), slow, answers.clone()).unwrap();
    spill.export(&spans(1..2)).await.unwrap();
    while spill.stats().counts().retries == 0 {
        tokio::task::yield_now().await;
    }
    for id in 2..11 {
        spill.export(&spans(id..id + 1)).await.unwrap();
    }
    spill.flush().await.unwrap();
    assert_eq!((answers.taken(), answers.calls()), (vec![1, 2, 4, 5, 6, 7, 8, 9, 10], 12));
    assert_eq!(spill.stats().counts().dropped.get("permanent_error"), Some(&1));
}

/// A destination that takes nothing from who sends until the switch is set.
fn unknown_until(known: &Arc<AtomicBool>) -> Answers {
    let known = known.clone();
    Answers::repeating(move || match known.load(Relaxed) {
        true => Ok(()),
        false => Err(ExportError::permanent("unknown token").misconfigured()),
    })
}

#[tokio::test]
async fn while_the_destination_does_not_know_who_sends_everything_is_kept() {
    for mode in [SpillMode::Always, SpillMode::OnFailure] {
        let (dir, known) = (tempfile::tempdir().unwrap(), Arc::default());
        let answers = unknown_until(&known);
        let config = SpillConfig { mode, flush_wait_ms: 30, ..config(&dir) };
        let spill = Spill::spans(&config, retry(), answers.clone()).unwrap();
        for id in 1..20 {
            spill.export(&spans(id..id + 1)).await.unwrap();
        }
        let error = spill.flush().await.unwrap_err().to_string();
        let said = "19 records wait";
        assert!(
            error.starts_with(said) && error.ends_with("kept on disk until this is set right"),
            "{error}"
        );
        assert!(spill.stats().counts().last_error.unwrap().starts_with("unknown token"));
        known.store(true, Relaxed);
        // A flush does not wait for the next attempt.
        while spill.flush().await.is_err() {}
        assert_eq!(answers.taken(), (1..20).collect::<Vec<_>>(), "{mode:?}");
        let counts = spill.stats().counts();
        assert!(counts.dropped.is_empty() && counts.adds_up() && counts.last_error.is_none(), "{counts:?}");
    }
}

#[tokio::test]
async fn who_wants_it_loses_at_once_what_is_refused_for_want_of_a_token() {
    let (dir, known) = (tempfile::tempdir().unwrap(), Arc::default());
    let config = SpillConfig { while_misconfigured: WhileMisconfigured::Drop, ..config(&dir) };
    let spill = Spill::spans(&config, retry(), unknown_until(&known)).unwrap();
    spill.export(&spans(1..4)).await.unwrap();
    spill.flush().await.unwrap();
    assert_eq!(spill.stats().counts().dropped.get("permanent_error"), Some(&3));
}

#[tokio::test]
async fn a_part_that_arrived_before_the_token_ran_out_is_sent_again_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let answers = Answers::new([Err(ExportError::partial(2, "two of five, 401").misconfigured())]);
    let spill = Spill::spans(&config(&dir), retry(), answers.clone()).unwrap();
    spill.export(&spans(1..6)).await.unwrap();
    spill.flush().await.unwrap();
    let counts = spill.stats().counts();
    assert_eq!((counts.delivered, counts.dropped.len(), answers.taken()), (5, 0, vec![1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn refusals_after_the_fact_are_counted_by_reason() {
    let dir = tempfile::tempdir().unwrap();
    let answers =
        Answers::new([Err(ExportError::partial(2, "two are bad")), Err(ExportError::permanent("bad"))]);
    let spill = Spill::spans(&config(&dir), retry(), answers).unwrap();
    spill.export(&spans(1..6)).await.unwrap();
    spill.flush().await.unwrap();
    spill.export(&spans(6..9)).await.unwrap();
    spill.flush().await.unwrap();
    let counts = spill.stats().counts();
    assert!(counts.adds_up());
    assert_eq!(counts.delivered, 3);
    assert_eq!(counts.dropped.into_iter().collect::<Vec<_>>(), [("permanent_error", 3), ("rejected", 2)]);
}

#[tokio::test]
async fn on_failure_the_disk_is_used_only_while_the_destination_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpillConfig { mode: SpillMode::OnFailure, ..config(&dir) };
    let bad = Err(ExportError::permanent("bad"));
    let answers = Answers::new([Ok(()), bad, down(), down()]);
    let spill = Spill::spans(&config, retry(), answers.clone()).unwrap();
    spill.export(&spans(1..2)).await.unwrap();
    assert!(!spill.export(&spans(2..3)).await.unwrap_err().is_retryable());
    assert_eq!(spill.stats().counts().accepted, 0);
    spill.export(&spans(3..4)).await.unwrap();
    spill.flush().await.unwrap();
    assert_eq!((answers.taken(), spill.stats().counts().accepted), (vec![1, 3], 1));
}

#[tokio::test]
async fn a_panic_costs_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let spill = Spill::spans(&config(&dir), retry(), Answers::panic()).unwrap();
    spill.export(&spans(1..4)).await.unwrap();
    spill.flush().await.unwrap();
    assert_eq!(spill.stats().counts().dropped.get("panic"), Some(&3));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("log"), "a file").unwrap();
    let error = Spill::spans(&config(&dir), retry(), Answers::new([])).unwrap_err().to_string();
    assert!(error.contains("log") && error.contains("cannot be made"), "{error}");
}

#[tokio::test]
async fn the_exporter_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let spill = Spill::spans(&config(&dir), retry(), Answers::new([])).unwrap();
    trace_core::testing::conformance::span_exporter(&spill).await;
    let capture = trace_core::testing::CaptureExporter::new();
    let config = SpillConfig { dir: dir.path().join("metrics"), ..config(&dir) };
    let spill = Spill::metrics(&config, retry(), capture).unwrap();
    trace_core::testing::conformance::metric_exporter(&spill).await;
}

#[tokio::test]
async fn when_the_disk_fails_batches_go_past_the_log_and_the_failure_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    let answers = Answers::new([Ok(()), down()]);
    let spill = Spill::spans(&config, retry(), answers.clone()).unwrap();
    // No segment can be made any more.
    std::fs::remove_dir_all(&config.dir).unwrap();
    spill.export(&spans(1..3)).await.unwrap();
    let error = spill.export(&spans(3..4)).await.unwrap_err();
    assert!(error.is_retryable(), "the caller keeps it");
    spill.export(&spans(3..4)).await.unwrap();
    let counts = spill.stats().counts();
    assert_eq!((answers.taken(), counts.accepted), (vec![1, 2, 3], 0));
    assert!(counts.disk_failures >= 3 && counts.adds_up(), "{counts:?}");
}

#[tokio::test]
async fn what_neither_the_disk_nor_a_destination_without_a_token_takes_stays_with_the_caller() {
    for mode in [SpillMode::Always, SpillMode::OnFailure] {
        let (dir, known) = (tempfile::tempdir().unwrap(), Arc::default());
        let config = SpillConfig { mode, ..config(&dir) };
        let answers = unknown_until(&known);
        let spill = Spill::spans(&config, retry(), answers.clone()).unwrap();
        std::fs::remove_dir_all(&config.dir).unwrap();
        let error = spill.export(&spans(1..3)).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains("unknown token"), "{mode:?}: {error}");
        known.store(true, Relaxed);
        spill.export(&spans(1..3)).await.unwrap();
        assert_eq!((answers.taken(), spill.stats().counts().accepted), (vec![1, 2], 0));
    }
}
