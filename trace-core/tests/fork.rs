//! What a pipeline does in a process that was forked from its own.
//!
//! Forks for real, which only a test may: the library has no unsafe code.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use trace_core::pipeline::{DeliveryFailure, FlushError, IngestError, Pipeline};
use trace_core::record::OverflowPolicy;
use trace_core::span;
use trace_core::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

/// Runs `child` in a forked process; its result is the exit code, 0 for success. A child that does not end in time is
/// killed.
fn in_child(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs on a copy of this thread alone; it calls nothing that waits for another thread of the
    // parent, which is what the test is about, and ends without running the parent's destructors.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "cannot fork");
    if pid == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(99);
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(code) };
    }
    let began = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: `pid` is a child of this process that has not been waited for; `status` is a valid place.
        let done = unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) };
        if done == pid {
            return if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 98 };
        }
        if began.elapsed() > LONG {
            // SAFETY: as above.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return 97;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn steps(checks: &[bool]) -> i32 {
    checks.iter().position(|ok| !ok).map_or(0, |at| at as i32 + 1)
}

#[test]
fn a_child_is_told_that_nothing_is_sent_and_what_was_lost_and_the_parent_goes_on() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    (0..10).for_each(|_| drop(span!(recorder: p.recorder(), "before")));
    p.flush(LONG).unwrap();
    let parent = std::process::id();
    let open = p.recorder().span("open at the fork").start();
    let code = in_child(|| {
        for _ in 0..100 {
            drop(span!(recorder: p.recorder(), "in the child"));
            p.recorder().span("in the child").start().end();
        }
        open.set_attribute("k", 1);
        let flushed = p.flush(LONG);
        let refused = p
            .ingest(OverflowPolicy::Drop)
            .offer(trace_core::batch::SpanBatchMut::new(p.recorder().resource().clone()));
        let stopped = p.shutdown(LONG).unwrap_err();
        let (ledger, text) = (&stopped.report.ledger, stopped.to_string());
        let lost = ledger.dropped.get("forked").copied();
        steps(&[
            flushed == Err(FlushError::Forked(parent)),
            refused == Err(IngestError::Closed { spans: 0 }),
            stopped.failure == DeliveryFailure::Forked(parent),
            lost == Some(200),
            ledger.adds_up(),
            text.contains("forked from process"),
            p.recorder().forked_from() == Some(parent),
            !p.recorder().span("refused from now on").start().is_recording(),
        ])
    });
    assert_eq!(code, 0, "the number of the check that failed in the child");
    assert_eq!(p.recorder().forked_from(), None);
    open.end();
    drop(span!(recorder: p.recorder(), "after"));
    let report = p.shutdown(LONG).unwrap();
    assert_eq!(report.ledger.delivered, 12, "{report}");
    assert_eq!(out.spans().iter().filter(|s| s.name == "in the child").count(), 0);
}

#[test]
fn dropping_the_pipeline_in_a_child_does_not_hang_and_another_one_can_be_made_there() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let code = in_child(move || {
        p.recorder().span("lost").start().end();
        drop(p);
        let out = CaptureExporter::new();
        let Ok(own) = Pipeline::builder().export_spans("out", out.clone()).start() else { return 1 };
        own.recorder().span("sent by the child").start().end();
        steps(&[own.shutdown(LONG).is_ok(), out.spans().len() == 1])
    });
    assert_eq!(code, 0);
}
