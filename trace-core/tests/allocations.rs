//! In the steady state recording allocates nothing.

use allocation_counter::measure;
use std::time::Duration;
use trace_core::pipeline::Pipeline;
use trace_core::span;

#[test]
fn spans_of_the_macro_allocate_nothing_once_their_thread_has_begun() {
    let pipeline = Pipeline::builder().start().unwrap();
    let recorder = pipeline.recorder();
    let trace = || {
        let _root = span!(recorder: recorder, "root", text = "some text");
        for i in 0..100 {
            let _child = span!(recorder: recorder, "child", n = i, text = "another", ratio = 0.5, ok = true);
            let _leaf = span!(recorder: recorder, "leaf");
        }
    };
    // The thread's ring and the place for its active spans.
    trace();
    let counted = measure(|| (0..20).for_each(|_| trace()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    pipeline.shutdown(Duration::from_secs(10)).unwrap();
}
