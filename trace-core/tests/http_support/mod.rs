//! A pipeline that captures, a manual clock, and bodies that misbehave.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use trace_core::clock::{Clock, ManualClock};
use trace_core::model::{Resource, SpanData, Timestamp, Value};
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::testing::CaptureExporter;

pub const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub struct Rig {
    pub pipeline: Pipeline,
    pub clock: ManualClock,
    exporter: CaptureExporter,
}

impl Rig {
    pub fn new() -> Self {
        let exporter = CaptureExporter::new();
        let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
        let recorder = Recorder::builder().resource(Resource::service("shop")).clock(clock);
        let pipeline =
            Pipeline::builder().recorder(recorder).export_spans("capture", exporter.clone()).start().unwrap();
        Self { pipeline, clock: manual, exporter }
    }

    pub fn recorder(&self) -> Recorder {
        self.pipeline.recorder().clone()
    }

    /// The spans that have ended so far.
    pub fn spans(&self) -> Vec<SpanData> {
        self.pipeline.flush(Duration::from_secs(10)).unwrap();
        self.exporter.spans()
    }

    #[track_caller]
    pub fn one_span(&self) -> SpanData {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }
}

pub fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|kv| kv.key == key).map(|kv| &kv.value)
}

pub fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

pub fn status(code: u16) -> Response<Script> {
    let mut response = Response::new(Script::default());
    *response.status_mut() = code.try_into().unwrap();
    response
}

/// A response body that does what it is told, step by step.
#[derive(Default)]
pub struct Script(pub VecDeque<Step>);

pub enum Step {
    Data(&'static str),
    Pending,
    Fail,
    Panic,
}

#[derive(Debug, thiserror::Error)]
#[error("the disk is gone")]
pub struct DiskGone;

impl Script {
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = DiskGone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DiskGone>>> {
        match self.0.pop_front() {
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes()))))),
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Fail) => Poll::Ready(Some(Err(DiskGone))),
            Some(Step::Panic) => panic!("the body panics"),
            None => Poll::Ready(None),
        }
    }

    /// As of a stream: only a body that was empty from the start says so.
    fn is_end_stream(&self) -> bool {
        self.0.is_empty() && self.0.capacity() == 0
    }
}

/// What `tower::service_fn` calls an error that cannot be.
pub type Never = Infallible;
