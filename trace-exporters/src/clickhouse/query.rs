//! The questions of the reader as statements.

use std::time::Duration;

use trace_core::batch::StatusCode;
use trace_core::model::{SpanKind, TenantId, TimeRange, Timestamp, TraceId};
use trace_core::store::{AttributeTest, SpanFilter, SpanQuery};

use super::config::ClickHouseConfig;
use super::decode;
use super::encode::{kind_text, status_text};
use super::statement::Statement;

/// How far from the start of a trace its other spans are looked for; partitions farther away are not read.
const LONGEST_TRACE: Duration = Duration::from_secs(86_400);
/// Later times are no bound: the server's dates end in 2149, and a comparison beyond that would go wrong.
const LAST_BOUND: Timestamp = Timestamp::from_unix_secs(4_102_444_800);
/// Services, and operations of a service.
const MAX_NAMES: usize = 10_000;
/// Groups of durations: the buckets of a sketch for some probabilities of sampling.
const MAX_GROUPS: usize = 20_000;
/// The service of spans that name none, as OpenTelemetry prescribes; the Collector leaves it empty.
const UNKNOWN: &str = "unknown_service";

/// The spans of a trace, earliest first, one more than are wanted so that a longer trace is noticed.
pub(super) fn trace(config: &ClickHouseConfig, tenant: &TenantId, id: &TraceId) -> Statement {
    let mut s = Statement::default();
    let (id, tenant) = (s.text(&id.to_string()), s.text(tenant.as_str()));
    // The table of times keeps whole seconds, rounded down. Compared as DateTime64: the engine's index (26.9) leaves rows
    // out of `DateTime64 < DateTime`.
    s.sql = format!(
        "SELECT {columns} FROM {spans} WHERE TraceId = {id} AND Tenant = {tenant} \
         AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM {times} WHERE TraceId = {id}) \
         AND Timestamp < (SELECT toDateTime64(max(End) + 1, 9) FROM {times} WHERE TraceId = {id}) \
         ORDER BY Timestamp LIMIT 1 BY SpanId LIMIT {limit} FORMAT RowBinary",
        columns = decode::COLUMNS,
        spans = config.spans_table(),
        times = config.times_table(),
        limit = u64::from(config.max_trace_spans) + 1,
    );
    s
}

/// The services that have spans.
pub(super) fn services(config: &ClickHouseConfig, tenant: &TenantId) -> Statement {
    let mut s = Statement::default();
    let tenant = s.text(tenant.as_str());
    s.sql = format!(
        "SELECT DISTINCT if(ServiceName = '', '{UNKNOWN}', ServiceName) AS name FROM {spans} \
         WHERE Tenant = {tenant} ORDER BY name LIMIT {MAX_NAMES} FORMAT RowBinary",
        spans = config.spans_table(),
    );
    s
}

/// The span names of a service.
pub(super) fn operations(config: &ClickHouseConfig, tenant: &TenantId, service: &str) -> Statement {
    let mut s = Statement::default();
    let tenant = s.text(tenant.as_str());
    let service = of_service(&mut s, service);
    s.sql = format!(
        "SELECT DISTINCT SpanName FROM {spans} WHERE Tenant = {tenant} AND {service} \
         ORDER BY SpanName LIMIT {MAX_NAMES} FORMAT RowBinary",
        spans = config.spans_table(),
    );
    s
}

/// Summaries of traces, the latest first: one more than a page holds, after `cursor`.
pub(super) fn search(
    config: &ClickHouseConfig,
    tenant: &TenantId,
    query: &SpanQuery,
    cursor: Option<(Timestamp, TraceId)>,
) -> Statement {
    let mut s = Statement::default();
    let spans = config.spans_table();
    let tenant = s.text(tenant.as_str());
    // The last start that a trace of this page can have.
    let ends =
        query.range.map(|r| r.end).into_iter().chain(cursor.map(|(at, _)| at + Duration::from_nanos(1)));
    let (start, end) = (query.range.map(|r| r.start), ends.min());
    let mut having = vec!["1".to_owned()];
    if let Some(at) = start {
        having.push(format!("started >= {}", s.integer(nanos(at))));
    }
    if let Some(at) = end {
        having.push(format!("started < {}", s.integer(nanos(at))));
    }
    if let Some((at, id)) = cursor {
        let (at, id) = (s.integer(nanos(at)), s.text(&id.to_string()));
        having.push(format!("(started < {at} OR (started = {at} AND TraceId < {id}))"));
    }
    if let Some(d) = query.min_duration {
        having.push(format!("took >= {}", s.integer(length(d))));
    }
    if let Some(d) = query.max_duration {
        having.push(format!("took <= {}", s.integer(length(d))));
    }
    if query.error_only {
        having.push("errors > 0".to_owned());
    }
    let mut of_traces = vec![format!("Tenant = {tenant}")];
    // A trace's first span lies inside of the range, or one that passes the filter not long after it.
    let has_filter = !query.filter.is_empty();
    if has_filter || start.is_some() || end.is_some() {
        let mut found = of_traces.clone();
        found.extend(conditions(&mut s, &query.filter));
        bounds(&mut s, &mut found, start, end.map(|e| if has_filter { e + LONGEST_TRACE } else { e }));
        bounds(&mut s, &mut of_traces, start.map(|t| t - LONGEST_TRACE), end.map(|e| e + LONGEST_TRACE));
        // GLOBAL, so that it may be asked of a distributed table too.
        of_traces
            .push(format!("TraceId GLOBAL IN (SELECT TraceId FROM {spans} WHERE {})", found.join(" AND ")));
    }
    s.sql = format!(
        "SELECT TraceId, toUnixTimestamp64Nano(min(Timestamp)) AS started, \
         argMin(SpanName, (ParentSpanId != '', Timestamp)), \
         argMin(if(ServiceName = '', '{UNKNOWN}', ServiceName), (ParentSpanId != '', Timestamp)), \
         toInt64(if(min(ParentSpanId != '') = 0, \
           argMin(toInt64(Duration), (ParentSpanId != '', Timestamp)), \
           max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - min(toUnixTimestamp64Nano(Timestamp)))) AS took, \
         uniqExact(SpanId), uniqExactIf(SpanId, StatusCode IN {error}) AS errors \
         FROM {spans} WHERE {of_traces} GROUP BY TraceId HAVING {having} \
         ORDER BY started DESC, TraceId DESC LIMIT {limit} FORMAT RowBinary",
        error = status_names(StatusCode::Error),
        of_traces = of_traces.join(" AND "),
        having = having.join(" AND "),
        limit = query.page_size() + 1,
    );
    s
}

/// Counts by bucket of the duration and by threshold of sampling. `ln_gamma` is the logarithm of the ratio of
/// neighbouring edges of buckets in milliseconds.
pub(super) fn durations(
    config: &ClickHouseConfig,
    tenant: &TenantId,
    filter: &SpanFilter,
    range: Option<TimeRange>,
    ln_gamma: f64,
) -> Statement {
    let mut s = Statement::default();
    let mut passing = vec![format!("Tenant = {}", s.text(tenant.as_str()))];
    passing.extend(conditions(&mut s, filter));
    bounds(&mut s, &mut passing, range.map(|r| r.start), range.map(|r| r.end));
    let ln_gamma = s.number(ln_gamma);
    s.sql = format!(
        "SELECT th, count(), min(ms), max(ms), sum(ms), countIf(StatusCode IN {error}) FROM (\
         SELECT Duration / 1e6 AS ms, StatusCode, \
         extract(TraceState, '(?:^|,) *ot=(?:[^,]*;)?th:([0-9a-f]{{1,14}})') AS th \
         FROM {spans} WHERE {passing} LIMIT 1 BY TraceId, SpanId) \
         GROUP BY if(ms = 0, -1e9, ceil(log(ms) / {ln_gamma})), th LIMIT {MAX_GROUPS} FORMAT RowBinary",
        error = status_names(StatusCode::Error),
        spans = config.spans_table(),
        passing = passing.join(" AND "),
    );
    s
}

fn bounds(s: &mut Statement, all: &mut Vec<String>, start: Option<Timestamp>, end: Option<Timestamp>) {
    if let Some(at) = start {
        all.push(format!("Timestamp >= fromUnixTimestamp64Nano({})", s.integer(nanos(at.min(LAST_BOUND)))));
    }
    if let Some(at) = end.filter(|at| *at < LAST_BOUND) {
        all.push(format!("Timestamp < fromUnixTimestamp64Nano({})", s.integer(nanos(at))));
    }
}

/// What holds for a span that passes.
fn conditions(s: &mut Statement, filter: &SpanFilter) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(service) = &filter.service {
        all.push(of_service(s, service));
    }
    if let Some(operation) = &filter.operation {
        all.push(format!("SpanName = {}", s.text(operation)));
    }
    if let Some(kind) = filter.kind {
        all.push(format!("SpanKind IN {}", kind_names(kind)));
    }
    if let Some(status) = filter.status {
        all.push(format!("StatusCode IN {}", status_names(status)));
    }
    for condition in &filter.attributes {
        let key = s.text(&condition.key);
        all.push(match &condition.test {
            AttributeTest::Exists => {
                format!("(mapContains(SpanAttributes, {key}) OR mapContains(ResourceAttributes, {key}))")
            }
            AttributeTest::Equals(text) => {
                let text = s.text(text);
                format!(
                    "((mapContains(SpanAttributes, {key}) AND SpanAttributes[{key}] = {text}) OR \
                     (NOT mapContains(SpanAttributes, {key}) AND mapContains(ResourceAttributes, {key}) \
                     AND ResourceAttributes[{key}] = {text}))"
                )
            }
            AttributeTest::AtLeast(limit) => compared(&key, ">=", &s.number(*limit)),
            AttributeTest::AtMost(limit) => compared(&key, "<=", &s.number(*limit)),
        });
    }
    all
}

fn compared(key: &str, operator: &str, limit: &str) -> String {
    format!("(mapContains(NumberAttributes, {key}) AND NumberAttributes[{key}] {operator} {limit})")
}

fn of_service(s: &mut Statement, service: &str) -> String {
    let unnamed = if service == UNKNOWN { "ServiceName = '' OR " } else { "" };
    format!("({unnamed}ServiceName = {})", s.text(service))
}

/// Both generations of the Collector's names.
fn kind_names(kind: SpanKind) -> String {
    let name = kind_text(kind);
    format!("('{name}', 'SPAN_KIND_{}')", name.to_ascii_uppercase())
}

/// Both generations of the Collector's names.
fn status_names(status: StatusCode) -> String {
    let name = status_text(status);
    format!("('{name}', 'STATUS_CODE_{}')", name.to_ascii_uppercase())
}

fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.unix_nanos()).unwrap_or(i64::MAX)
}

fn length(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
