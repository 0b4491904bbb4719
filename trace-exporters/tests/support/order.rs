//! A trace with everything that a wire to Jaeger can carry.

use std::sync::Arc;

use trace_core::batch::SpanBatch;
use trace_core::model::{
    Event, KeyValue, Link, Resource, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp,
    TraceFlags, TraceId, TraceState,
};

/// Now, in microseconds: a Jaeger may refuse what is too old.
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

/// The trace's id and its spans, ids 1 to 3 in that order: a server's, a client's that failed, and a plain one.
pub fn order(trace: u128) -> (TraceId, SpanBatch) {
    // Ids of this run only, and with a high half.
    let start = now();
    let trace = TraceId::new(u128::from(start) << 64 | 1 << 63 | trace).unwrap();
    let at = |micros: u64| Timestamp::from_unix_nanos((start + micros) * 1000);
    let scope = Arc::new(Scope { version: "1.2".into(), ..Scope::named("shop-http") });
    let span = |id: u64, parent: u64, name: &'static str, from: u64, to: u64| {
        let context = SpanContext::new(trace, SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        let mut span = SpanData::new(context, name, at(from), at(to));
        span.parent_span_id = SpanId::new(parent);
        span.scope = scope.clone();
        span
    };
    let mut server = span(1, 0, "POST /orders", 0, 5_000);
    server.kind = SpanKind::Server;
    server.status = Status::Ok;
    server.attributes = vec![
        KeyValue::new("text", "<&>\"\\\n☃"),
        KeyValue::new("empty", ""),
        KeyValue::new("least", -9_007_199_254_740_993_i64),
        KeyValue::new("half", 0.5),
        KeyValue::new("yes", true),
        KeyValue::new("numbers", vec![1_i64, -1]),
    ];
    let mut client = span(2, 1, "SELECT", 1_000, 4_001);
    client.kind = SpanKind::Client;
    client.status = Status::Error("too slow".into());
    client.attributes = vec![KeyValue::new("peer.service", "db")];
    client.context.trace_state = TraceState::from_validated("vendor=1");
    let event = |name: &'static str, attributes| Event {
        name: name.into(),
        time: at(1_500),
        attributes,
        dropped_attributes: 0,
    };
    client.events = vec![
        event("retry", vec![KeyValue::new("attempt", 2), KeyValue::new("why", "lock")]),
        event("end", vec![]),
    ];
    let mut plain = span(3, 1, "", 2_000, 2_000);
    let other = SpanContext::new(
        TraceId::new(u128::from(start) << 64 | 0xabc).unwrap(),
        SpanId::new(0xff00_0000_0000_0001).unwrap(),
        TraceFlags::SAMPLED,
    );
    plain.links = vec![Link { context: other, attributes: vec![], dropped_attributes: 0 }];
    let resource = Resource::new([
        KeyValue::new("service.name", "shop"),
        KeyValue::new("host.cpus", 8),
        KeyValue::new("host.name", "h1"),
    ]);
    (trace, SpanBatch::from_spans(Arc::new(resource), [server, client, plain]))
}
