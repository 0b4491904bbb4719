//! The tables of metrics: those of the OpenTelemetry Collector, one a kind of metric.

use super::config::ClickHouseConfig;

/// A kind of metric, which has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Gauge, Self::Sum, Self::Histogram, Self::ExponentialHistogram];

    /// What the name of the table ends with.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Gauge => "_gauge",
            Self::Sum => "_sum",
            Self::Histogram => "_histogram",
            Self::ExponentialHistogram => "_exponential_histogram",
        }
    }

    /// The columns behind those that all tables have, with their types.
    fn own_columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Gauge => &[("Value", "Float64 CODEC(ZSTD(1))"), ("Flags", FLAGS)],
            Self::Sum => &[
                ("Value", "Float64 CODEC(ZSTD(1))"),
                ("Flags", FLAGS),
                ("AggregationTemporality", "Int32 CODEC(ZSTD(1))"),
                ("IsMonotonic", "Boolean CODEC(Delta, ZSTD(1))"),
            ],
            Self::Histogram => &[
                ("Count", "UInt64 CODEC(Delta, ZSTD(1))"),
                ("Sum", "Float64 CODEC(ZSTD(1))"),
                ("BucketCounts", "Array(UInt64) CODEC(ZSTD(1))"),
                ("ExplicitBounds", "Array(Float64) CODEC(ZSTD(1))"),
                ("Flags", FLAGS),
                ("Min", "Float64 CODEC(ZSTD(1))"),
                ("Max", "Float64 CODEC(ZSTD(1))"),
                ("AggregationTemporality", "Int32 CODEC(ZSTD(1))"),
            ],
            Self::ExponentialHistogram => &[
                ("Count", "UInt64 CODEC(Delta, ZSTD(1))"),
                ("Sum", "Float64 CODEC(ZSTD(1))"),
                ("Scale", "Int32 CODEC(ZSTD(1))"),
                ("ZeroCount", "UInt64 CODEC(ZSTD(1))"),
                ("PositiveOffset", "Int32 CODEC(ZSTD(1))"),
                ("PositiveBucketCounts", "Array(UInt64) CODEC(ZSTD(1))"),
                ("NegativeOffset", "Int32 CODEC(ZSTD(1))"),
                ("NegativeBucketCounts", "Array(UInt64) CODEC(ZSTD(1))"),
                ("Flags", FLAGS),
                ("Min", "Float64 CODEC(ZSTD(1))"),
                ("Max", "Float64 CODEC(ZSTD(1))"),
                ("AggregationTemporality", "Int32 CODEC(ZSTD(1))"),
            ],
        }
    }
}

const FLAGS: &str = "UInt32 CODEC(ZSTD(1))";

/// What all tables have, in the order in which rows are written.
const COLUMNS: [(&str, &str); 14] = [
    ("ResourceAttributes", "Map(LowCardinality(String), String) CODEC(ZSTD(1))"),
    ("ResourceSchemaUrl", "String CODEC(ZSTD(1))"),
    ("ScopeName", "String CODEC(ZSTD(1))"),
    ("ScopeVersion", "String CODEC(ZSTD(1))"),
    ("ScopeAttributes", "Map(LowCardinality(String), String) CODEC(ZSTD(1))"),
    ("ScopeDroppedAttrCount", "UInt32 CODEC(ZSTD(1))"),
    ("ScopeSchemaUrl", "String CODEC(ZSTD(1))"),
    ("ServiceName", "LowCardinality(String) CODEC(ZSTD(1))"),
    ("MetricName", "String CODEC(ZSTD(1))"),
    ("MetricDescription", "String CODEC(ZSTD(1))"),
    ("MetricUnit", "String CODEC(ZSTD(1))"),
    ("Attributes", "Map(LowCardinality(String), String) CODEC(ZSTD(1))"),
    ("StartTimeUnix", "DateTime64(9) CODEC(Delta, ZSTD(1))"),
    ("TimeUnix", "DateTime64(9) CODEC(Delta, ZSTD(1))"),
];

const EXEMPLARS: &str = "    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
";

/// The last setting is ours: with it the server knows a repeated insert by its token on a table without replicas too.
const REST: &str =
    "    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
";
const SETTINGS: &str =
    "SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000";

/// What makes everything that is missing, in order.
pub(super) fn statements(config: &ClickHouseConfig) -> Vec<String> {
    let database = format!("CREATE DATABASE IF NOT EXISTS {}", config.database);
    std::iter::once(database).chain(Kind::ALL.map(|kind| table(config, kind))).collect()
}

fn table(config: &ClickHouseConfig, kind: Kind) -> String {
    let mut sql = format!("CREATE TABLE IF NOT EXISTS {} (\n", config.metrics_table(kind));
    for (name, what) in COLUMNS.iter().chain(kind.own_columns()) {
        sql += &format!("    {name} {what},\n");
    }
    sql += EXEMPLARS;
    sql += REST;
    if config.ttl_days > 0 {
        sql += &format!("TTL toDateTime(TimeUnix) + toIntervalDay({})\n", config.ttl_days);
    }
    sql + SETTINGS
}

/// The insert of rows as [`super::metric_rows`] writes them.
pub(super) fn insert(config: &ClickHouseConfig, kind: Kind) -> String {
    let exemplars = ["FilteredAttributes", "TimeUnix", "Value", "SpanId", "TraceId"];
    let own = COLUMNS.iter().chain(kind.own_columns()).map(|(name, _)| (*name).to_owned());
    let columns: Vec<String> = own.chain(exemplars.map(|name| format!("Exemplars.{name}"))).collect();
    format!("INSERT INTO {} ({}) FORMAT RowBinary", config.metrics_table(kind), columns.join(", "))
}
