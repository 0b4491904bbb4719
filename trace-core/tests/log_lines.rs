//! Trace and span ids on the lines of `tracing_subscriber::fmt`.
#![cfg(all(feature = "tracing-fmt", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trace_core::model::SpanData;
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::record::tracing_layer::{TraceLayer, WithTraceIds};
use trace_core::testing::CaptureExporter;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt};

struct World {
    pipeline: Pipeline,
    out: CaptureExporter,
}

impl World {
    fn new() -> Self {
        let out = CaptureExporter::new();
        Self { pipeline: Pipeline::builder().export_spans("out", out.clone()).start().unwrap(), out }
    }

    fn recorder(&self) -> &Recorder {
        self.pipeline.recorder()
    }

    fn layer(&self) -> TraceLayer {
        TraceLayer::new(self.recorder().clone())
    }

    fn run_in(&self, subscriber: impl Into<tracing::Dispatch>, f: impl FnOnce()) -> Vec<SpanData> {
        tracing::dispatcher::with_default(&subscriber.into(), f);
        self.spans()
    }

    fn spans(&self) -> Vec<SpanData> {
        self.pipeline.flush(Duration::from_secs(10)).unwrap();
        self.out.spans()
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|s| s.name == name).unwrap()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(b)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn log_lines_carry_the_ids_of_the_span_they_were_written_in() {
    let w = World::new();
    let lines = Lines::default();
    let out = lines.clone();
    let text_format = fmt::layer()
        .with_ansi(false)
        .with_writer({
            let out = out.clone();
            move || out.clone()
        })
        .event_format(WithTraceIds::text(fmt::format()));
    let write = || {
        info!("outside");
        info_span!("s").in_scope(|| info!(n = 1, "inside"));
        let _macro = trace_core::span!(recorder: w.recorder(), "m");
        info!("inside of span!");
    };
    let spans = w.run_in(Registry::default().with(w.layer()).with(text_format), write);
    let got = lines.take();
    assert!(!got[0].contains("trace_id") && got[0].ends_with("outside"), "{got:?}");
    let ids = |name| {
        let c = &named(&spans, name).context;
        format!("trace_id={} span_id={} ", c.trace_id, c.span_id)
    };
    assert!(got[1].starts_with(&ids("s")) && got[1].ends_with("inside n=1"), "{got:?}");
    drop(w.spans());
    assert!(got[2].starts_with("trace_id=") && !got[2].starts_with(&ids("s")), "{got:?}");

    let json_format = fmt::layer()
        .json()
        .with_writer(move || out.clone())
        .event_format(WithTraceIds::json(fmt::format().json()));
    w.run_in(Registry::default().with(w.layer()).with(json_format), || {
        info_span!("j").in_scope(|| info!(n = 1, "inside"));
        info!("outside");
    });
    let spans = w.spans();
    let got: Vec<serde_json::Value> = lines.take().iter().map(|l| serde_json::from_str(l).unwrap()).collect();
    let c = &named(&spans, "j").context;
    assert_eq!(got[0]["trace_id"], c.trace_id.to_string());
    assert_eq!(got[0]["span_id"], c.span_id.to_string());
    assert_eq!(got[0]["fields"]["message"], "inside");
    assert!(got[1].get("trace_id").is_none());
}
