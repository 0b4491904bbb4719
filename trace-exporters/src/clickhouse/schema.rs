//! The tables: those of the OpenTelemetry Collector, and what is added to them.

use super::config::ClickHouseConfig;

/// As the Collector's exporter makes it, but for the last setting: with it the server knows a repeated insert by its
/// token on a table without replicas too.
const SPANS: &str = "CREATE TABLE IF NOT EXISTS {spans} (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
{spans_ttl}SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000";

/// Ours. The rule of `Tenant` is that of `SpanRef::tenant`; a name that is none belongs to nobody. Texts that read as
/// numbers are taken for numbers, since that is what the Collector makes of numbers.
const ADDED: &str = "ALTER TABLE {spans}
    ADD COLUMN IF NOT EXISTS Tenant LowCardinality(String) DEFAULT multiIf(
        mapContains(SpanAttributes, 'mplp.tenant.id'),
        if(match(SpanAttributes['mplp.tenant.id'], '^[A-Za-z0-9._-]{1,128}$'), SpanAttributes['mplp.tenant.id'], '(invalid)'),
        mapContains(ResourceAttributes, 'mplp.tenant.id'),
        if(match(ResourceAttributes['mplp.tenant.id'], '^[A-Za-z0-9._-]{1,128}$'), ResourceAttributes['mplp.tenant.id'], '(invalid)'),
        'default') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS NumberAttributes Map(LowCardinality(String), Float64) DEFAULT CAST(mapApply(
        (k, v) -> (k, toFloat64OrZero(v)),
        mapFilter((k, v) -> isNotNull(toFloat64OrNull(v)), mapUpdate(ResourceAttributes, SpanAttributes))
    ), 'Map(LowCardinality(String), Float64)') CODEC(ZSTD(1))";

const TIMES: &str = "CREATE TABLE IF NOT EXISTS {times} (
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
{times_ttl}SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1";

const VIEW: &str = "CREATE MATERIALIZED VIEW IF NOT EXISTS {times}_mv TO {times}
AS SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM {spans} WHERE TraceId != '' GROUP BY TraceId";

/// What makes everything that is missing, in order.
pub(super) fn statements(config: &ClickHouseConfig) -> Vec<String> {
    let ttl = |column: &str| match config.ttl_days {
        0 => String::new(),
        days => format!("TTL toDateTime({column}) + toIntervalDay({days})\n"),
    };
    let fill = |template: &str| {
        template
            .replace("{spans}", &config.spans_table())
            .replace("{times}", &config.times_table())
            .replace("{spans_ttl}", &ttl("Timestamp"))
            .replace("{times_ttl}", &ttl("Start"))
    };
    let database = format!("CREATE DATABASE IF NOT EXISTS {}", config.database);
    let made = [SPANS, ADDED, TIMES, VIEW].into_iter().map(fill);
    std::iter::once(database).chain(made).collect()
}
