//! The spans that are written: traces of eight spans of one service, each with four attributes, all of which are indexed.

use std::sync::Arc;
use std::time::Duration;

use trace_core::batch::SpanBatch;
use trace_core::model::{
    KeyValue, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags, TraceId,
};

pub(crate) const BATCH: u64 = 2048;
pub(crate) const TRACE: u64 = 8;
pub(crate) const SERVICES: u64 = 5;
const USERS: u64 = 100_000;
const ROUTES: u64 = 200;
pub(crate) const INDEXED: [&str; 4] =
    ["http.request.method", "http.response.status_code", "http.route", "enduser.id"];
/// The start of an hour.
pub(crate) const START: Timestamp = Timestamp::from_unix_secs(1_760_000_400);

pub(crate) fn trace_id(n: u64) -> TraceId {
    let high = mix(n);
    TraceId::new(u128::from(high) << 64 | u128::from(mix(high))).unwrap_or(TraceId::MIN)
}

pub(crate) fn user(n: u64) -> String {
    format!("user-{:08x}", mix(n % USERS) as u32)
}

pub(crate) fn route(n: u64) -> String {
    format!("/api/v1/resource-{}/{{id}}", n % ROUTES)
}

pub(crate) fn service(n: u64) -> String {
    format!("service-{n}")
}

pub(crate) fn operation(n: u64) -> String {
    format!("{} step {}", ["load", "store", "check", "send"][n as usize % 4], n % 40)
}

/// SplitMix64: a number that looks random, for each number.
pub(crate) fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes batches.
pub(crate) struct World {
    resources: Vec<Arc<Resource>>,
    batches: u64,
    /// Added to the start of every span.
    pub(crate) hour: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let resource = |n| {
            Arc::new(Resource::new([
                KeyValue::new("service.name", service(n)),
                KeyValue::new("service.version", "1.4.2"),
                KeyValue::new("host.name", format!("host-{n}")),
                KeyValue::new("process.pid", 4000 + n as i64),
            ]))
        };
        Self { resources: (0..SERVICES).map(resource).collect(), batches: 0, hour: 0 }
    }

    /// Leaves batches out.
    pub(crate) fn skip(&mut self, batches: u64) {
        self.batches += batches;
    }

    /// The next batch. Its traces are interleaved, as those of a busy server are.
    pub(crate) fn batch(&mut self) -> SpanBatch {
        let (first, traces) = (self.batches * BATCH / TRACE, BATCH / TRACE);
        let resource = &self.resources[(self.batches % SERVICES) as usize];
        self.batches += 1;
        // Children end before their root.
        let spans = (0..BATCH).map(|i| span(first + i % traces, TRACE - 1 - i / traces, self.hour));
        SpanBatch::from_spans(resource.clone(), spans)
    }
}

/// The n-th trace's span; 0 is the root. Ten million spans take under an hour.
fn span(n: u64, part: u64, hour: u64) -> SpanData {
    let random = mix(n * TRACE + part);
    let id = |part: u64| SpanId::new(mix(n * TRACE + part) | 1).unwrap_or(SpanId::MAX);
    let start = START + Duration::from_micros(hour * 3_600_000_000 + n * 2500 + part * 40 + random % 40);
    // One of a hundred is slow.
    let took = if mix(n).is_multiple_of(100) { 1_000_000 } else { 2_000 + random % 30_000 };
    let took = if part == 0 { took } else { random % 2_000 };
    let context = SpanContext::new(trace_id(n), id(part), TraceFlags::SAMPLED);
    let name = if part == 0 { format!("GET {}", route(random >> 20)) } else { operation(random >> 8) };
    let mut span = SpanData::new(context, name, start, start + Duration::from_micros(took));
    if part > 0 {
        span.parent_span_id = Some(id(0));
    }
    span.kind = if part == 0 { SpanKind::Server } else { SpanKind::Internal };
    if random.is_multiple_of(1000) {
        span.status = Status::Error("it broke".into());
    }
    span.attributes = vec![
        KeyValue::new("http.request.method", ["GET", "POST", "PUT", "DELETE"][(random >> 3) as usize % 4]),
        KeyValue::new(
            "http.response.status_code",
            [200, 200, 200, 201, 404, 500][(random >> 5) as usize % 6],
        ),
        KeyValue::new("http.route", route(random >> 20)),
        // Of its own for each span: the worst for an index.
        KeyValue::new("enduser.id", user(random >> 30)),
    ];
    span
}
