//! The store against ClickHouse's engine: the cases of every store, each field by plain SQL, and spans that another
//! exporter wrote.
//!
//! `MPLP_PEER_CLICKHOUSE_URL` is the HTTP interface, `MPLP_PEER_CLICKHOUSE_PASSWORD` that of its user, and
//! `MPLP_PEER_CLICKHOUSE_COLLECTOR_URL` an OTLP receiver of another program that writes into the database `otel` there.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "clickhouse", feature = "otlp"))]

mod support;

use std::time::Duration;

use support::peer::peer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trace_core::batch::SpanBatch;
use trace_core::model::{SpanKind, Status, TenantId};
use trace_core::signal::{MetricExporter as _, SpanExporter as _};
use trace_core::store::{AttributeCondition, AttributeTest, SpanFilter, SpanQuery, SpanReader};
use trace_core::testing::{Fidelity, conformance, span_store};
use trace_exporters::clickhouse::{ClickHouseConfig, ClickHouseMetricExporter, ClickHouseStore, Compression};
use trace_exporters::otlp::{OtlpConfig, OtlpMetricExporter, OtlpSpanExporter};

struct Peer {
    url: String,
    password: String,
}

impl Peer {
    fn find(test: &str) -> Option<Self> {
        let url = peer(test, "MPLP_PEER_CLICKHOUSE_URL", "URL of ClickHouse's HTTP interface")?;
        let password = peer(test, "MPLP_PEER_CLICKHOUSE_PASSWORD", "password of the default user there")?;
        Some(Self { url, password })
    }

    fn config(&self, database: &str) -> ClickHouseConfig {
        ClickHouseConfig::new(&self.url).database(database).user("default", &self.password)
    }

    fn store(&self, database: &str) -> ClickHouseStore {
        ClickHouseStore::new(&self.config(database)).unwrap()
    }

    /// What the engine answers to plain SQL, without a line of ours in between.
    async fn sql(&self, sql: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-clickhouse-user: default\r\n\
             x-clickhouse-key: {}\r\ncontent-length: {}\r\n\r\n{sql}",
            self.password,
            sql.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{sql}: {answer}");
        body.trim_end().to_owned()
    }
}

#[tokio::test]
async fn the_store_conforms() {
    let Some(peer) = Peer::find("the_store_conforms") else { return };
    span_store(&peer.store("conforms"), Fidelity::TextValues).await;
}

#[tokio::test]
async fn the_exporter_conforms_with_and_without_compression() {
    let Some(peer) = Peer::find("the_exporter_conforms_with_and_without_compression") else { return };
    for (database, compression) in [("plain", Compression::None), ("packed", Compression::Gzip)] {
        let config = peer.config(database).compression(compression);
        conformance::span_exporter(&ClickHouseStore::new(&config).unwrap()).await;
    }
    // The whole batch and a slice of it: what was repeated is there once.
    for database in ["plain", "packed"] {
        let rows = peer.sql(&format!("SELECT count() FROM {database}.otel_traces")).await;
        assert_eq!(rows, "4", "{database}");
    }
}

#[tokio::test]
async fn every_field_is_where_the_collectors_tools_look_for_it() {
    let Some(peer) = Peer::find("every_field_is_where_the_collectors_tools_look_for_it") else { return };
    let batch = conformance::every_field();
    peer.store("fields").export(&batch).await.unwrap();
    let span = batch.get(0).unwrap().to_span_data();
    let trace = span.context.trace_id.to_string();
    let maps = ["SpanAttributes", "Events.Attributes[1]", "Links.Attributes[1]"];
    let mut expected: Vec<(String, String)> = [
        ("toUnixTimestamp64Nano(Timestamp)", "1760000000000000000"),
        ("TraceId", &trace),
        ("SpanId", "0000000000000001"),
        ("ParentSpanId", "0000000000000009"),
        ("TraceState", "vendor=1,other=a:b"),
        ("SpanName", "every field"),
        ("SpanKind", "Server"),
        ("ServiceName", "conformance"),
        ("ResourceAttributes['service.name']", "conformance"),
        ("length(ResourceAttributes)", "2"),
        ("mapContains(ResourceAttributes, 'service.version')", "1"),
        ("ScopeName", "lib"),
        ("ScopeVersion", "1.2"),
        ("Duration", "5000000"),
        ("StatusCode", "Error"),
        ("StatusMessage", "it broke"),
        ("toUnixTimestamp64Nano(Events.Timestamp[1])", "1760000000000000000"),
        ("Events.Name", "['event']"),
        ("Links.TraceId[1]", &trace),
        ("Links.SpanId", "['0000000000000001']"),
        ("Links.TraceState", "['vendor=1,other=a:b']"),
        ("Tenant", "default"),
        ("arraySort(mapKeys(NumberAttributes))", "['infinite','least','nan']"),
        ("NumberAttributes['infinite']", "-inf"),
    ]
    .map(|(column, text)| (column.to_owned(), text.to_owned()))
    .to_vec();
    for map in maps {
        expected.push((format!("length({map})"), span.attributes.len().to_string()));
        for attribute in &span.attributes {
            // As hex, so that no escaping of the answer has to be undone.
            let hex: String = attribute.value.to_string().bytes().map(|b| format!("{b:02X}")).collect();
            expected.push((format!("hex({map}['{}'])", attribute.key), hex));
        }
    }
    for (column, text) in expected {
        let sql = format!(
            "SELECT {column} FROM fields.otel_traces WHERE SpanName = 'every field' FORMAT TabSeparated"
        );
        assert_eq!(peer.sql(&sql).await, text, "{column}");
    }
    let other = "SELECT SpanId, ParentSpanId, Duration, StatusCode, StatusMessage FROM fields.otel_traces \
                 WHERE SpanName != 'every field' ORDER BY SpanId FORMAT TabSeparated";
    assert_eq!(
        peer.sql(other).await,
        "0000000000000002\t\t0\tUnset\t\n0000000000000003\t0000000000000001\t0\tOk\t".trim_end()
    );
    let times = "SELECT DISTINCT TraceId, toUnixTimestamp(Start), toUnixTimestamp(End) FROM fields.otel_traces_trace_id_ts \
                 FORMAT TabSeparated";
    assert_eq!(peer.sql(times).await, format!("{trace}\t1760000000\t1760000000"));
}

#[tokio::test]
async fn a_batch_that_is_offered_again_counts_once_and_a_dropped_table_is_made_again() {
    let test = "a_batch_that_is_offered_again_counts_once_and_a_dropped_table_is_made_again";
    let Some(peer) = Peer::find(test) else { return };
    let store = peer.store("again");
    let batch = support::spans(5);
    for _ in 0..3 {
        store.export(&batch).await.unwrap();
    }
    let count = "SELECT count() FROM again.otel_traces";
    assert_eq!(peer.sql(count).await, batch.len().to_string());
    peer.sql("DROP TABLE again.otel_traces SYNC").await;
    let error = store.export(&batch).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("Code: 60"), "{error}");
    store.export(&batch).await.unwrap();
    assert_eq!(peer.sql(count).await, batch.len().to_string());
}

#[tokio::test]
async fn a_wrong_password_is_final_and_is_not_shown() {
    let Some(peer) = Peer::find("a_wrong_password_is_final_and_is_not_shown") else { return };
    let store = ClickHouseStore::new(&peer.config("denied").user("default", "hunter2!")).unwrap();
    let error = store.export(&support::spans(5)).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("Code: 516"), "{error}");
    let read = store.services(&TenantId::default()).await.unwrap_err();
    assert!(!format!("{error} {error:?} {read:?} {store:?}").contains("hunter2"), "{error:?} {read:?}");
}

/// Waits until the other program has written as many spans.
async fn written(store: &ClickHouseStore, batch: &SpanBatch) {
    let id = batch.get(0).unwrap().trace_id();
    for _ in 0..100 {
        let found = store.trace(&TenantId::default(), &id).await.unwrap();
        if found.is_some_and(|t| t.spans.len() == batch.len()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the other exporter has not written {} spans", batch.len());
}

#[tokio::test]
async fn spans_that_another_exporter_wrote_are_read_like_our_own() {
    let test = "spans_that_another_exporter_wrote_are_read_like_our_own";
    let Some(peer) = Peer::find(test) else { return };
    let what = "OTLP receiver of a program that writes to the same ClickHouse";
    let Some(url) = support::peer::peer(test, "MPLP_PEER_CLICKHOUSE_COLLECTOR_URL", what) else { return };
    let (theirs, ours) = (peer.store("otel"), peer.store("ours"));
    // Makes the tables.
    theirs.services(&TenantId::default()).await.unwrap();
    let batch = conformance::every_field();
    OtlpSpanExporter::new(&OtlpConfig::new(url)).unwrap().export(&batch).await.unwrap();
    ours.export(&batch).await.unwrap();
    written(&theirs, &batch).await;

    let tenant = TenantId::default();
    let id = batch.get(0).unwrap().trace_id();
    let (a, b) = (
        theirs.trace(&tenant, &id).await.unwrap().unwrap(),
        ours.trace(&tenant, &id).await.unwrap().unwrap(),
    );
    for (theirs, ours) in a.spans.iter().zip(&b.spans) {
        let (t, o) = (&theirs.span, &ours.span);
        assert_eq!((&t.name, t.kind, t.start), (&o.name, o.kind, o.start));
        assert_eq!((t.context.span_id, t.parent_span_id), (o.context.span_id, o.parent_span_id));
        assert_eq!(t.context.trace_state, o.context.trace_state);
        assert_eq!((&t.scope.name, &t.scope.version), (&o.scope.name, &o.scope.version));
        assert_eq!(t.status, o.status);
        assert_eq!((t.events.len(), t.links.len()), (o.events.len(), o.links.len()));
        assert_eq!(theirs.resource.service_name(), "conformance");
        let keys = |s: &trace_core::model::SpanData| {
            let mut keys: Vec<String> = s.attributes.iter().map(|a| a.key.to_string()).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(t), keys(o));
    }
    let failed = &a.root().unwrap().span;
    assert_eq!(failed.kind, SpanKind::Internal, "the span without a parent is the root");
    assert!(a.spans.iter().any(|s| matches!(&s.span.status, Status::Error(m) if m == "it broke")));

    // A number that they kept as text alone is still compared as one.
    let attributes = vec![AttributeCondition { key: "least".into(), test: AttributeTest::AtMost(-9e18) }];
    let filter = SpanFilter { attributes, kind: Some(SpanKind::Server), ..SpanFilter::default() };
    let found = theirs.search(&tenant, &SpanQuery { filter, ..SpanQuery::default() }).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!((found.items[0].span_count, found.items[0].error_count), (3, 1));
}

const METRICS: [&str; 4] = ["gauge", "sum", "histogram", "exponential_histogram"];

impl Peer {
    fn metrics(&self, database: &str) -> ClickHouseMetricExporter {
        ClickHouseMetricExporter::new(&self.config(database)).unwrap()
    }

    /// Rows in each of the tables of metrics.
    async fn metric_rows(&self, database: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for kind in METRICS {
            rows.push(self.sql(&format!("SELECT count() FROM {database}.otel_metrics_{kind}")).await);
        }
        rows
    }

    /// A way to the engine that breaks each connection off after so many bytes of answer, while there are such.
    async fn breaking(&self, mut after: std::collections::VecDeque<u64>) -> String {
        let there = self.url.strip_prefix("http://").unwrap().to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (here, _) = listener.accept().await.unwrap();
                let there = tokio::net::TcpStream::connect(&there).await.unwrap();
                let bytes = after.pop_front().unwrap_or(u64::MAX);
                tokio::spawn(async move {
                    let ((mut from, mut to), (answer, mut request)) = (here.into_split(), there.into_split());
                    tokio::spawn(async move { tokio::io::copy(&mut from, &mut request).await });
                    let _ = tokio::io::copy(&mut answer.take(bytes), &mut to).await;
                    let _ = to.shutdown().await;
                });
            }
        });
        url
    }
}

#[tokio::test]
async fn the_exporter_of_metrics_conforms() {
    let Some(peer) = Peer::find("the_exporter_of_metrics_conforms") else { return };
    conformance::metric_exporter(&peer.metrics("metrics_conform")).await;
    // Offered twice, there once.
    assert_eq!(peer.metric_rows("metrics_conform").await, ["1", "2", "2", "0"]);
}

#[tokio::test]
async fn every_field_of_a_metric_is_where_the_collectors_tools_look_for_it() {
    let Some(peer) = Peer::find("every_field_of_a_metric_is_where_the_collectors_tools_look_for_it") else {
        return;
    };
    peer.metrics("metric_fields").export(&support::shop::with_exponential()).await.unwrap();
    let of_all = [
        ("ResourceAttributes['service.name']", "shop"),
        ("ResourceAttributes['host.cpu.count']", "2"),
        ("ResourceSchemaUrl", "https://opentelemetry.io/schemas/1.37.0"),
        ("ScopeName", "shop-http"),
        ("ScopeVersion", "1.2.3"),
        ("ScopeAttributes", "{'team':'checkout'}"),
        ("ServiceName", "shop"),
        ("toUnixTimestamp64Nano(StartTimeUnix)", "1756900000000000001"),
        ("toUnixTimestamp64Nano(TimeUnix)", "1756900060000000002"),
        ("Flags", "0"),
    ];
    let exemplar = [
        ("Exemplars.FilteredAttributes", "[{'user.tier':'gold'}]"),
        ("toUnixTimestamp64Nano(Exemplars.TimeUnix[1])", "1756900059999999997"),
        ("Exemplars.Value", "[0.42]"),
        ("Exemplars.SpanId", "['b7ad6b7169203331']"),
        ("Exemplars.TraceId", "['0af7651916cd43dd8448eb211c80319c']"),
    ];
    let of = |table: &'static str, name: &'static str, own: &[(&'static str, &'static str)]| {
        let with = if table == "gauge" { &exemplar[..0] } else { &exemplar };
        (table, name, [&of_all, with, own].concat())
    };
    let cases = [
        of("gauge", "cache.hit", &[("Value", "0.25"), ("MetricUnit", "1"), ("Attributes", "{}")]),
        of(
            "sum",
            "http.server.active_requests",
            &[
                ("Value", "-3"),
                ("AggregationTemporality", "2"),
                ("IsMonotonic", "false"),
                ("MetricDescription", "Requests under way."),
                ("MetricUnit", "{request}"),
            ],
        ),
        of(
            "histogram",
            "http.server.request.duration",
            &[
                ("Count", "7"),
                ("Sum", "1.5"),
                ("BucketCounts", "[4,0,2,1]"),
                ("ExplicitBounds", "[0.005,0.1,1]"),
                ("Min", "0.001"),
                ("Max", "0.75"),
                ("AggregationTemporality", "2"),
                ("Attributes", "{'http.route':'/orders'}"),
            ],
        ),
        of(
            "exponential_histogram",
            "db.wait",
            &[
                ("Count", "6"),
                ("Sum", "12.5"),
                ("Scale", "0"),
                ("ZeroCount", "1"),
                ("PositiveOffset", "-2"),
                ("PositiveBucketCounts", "[1,0,0,0,3]"),
                ("NegativeOffset", "0"),
                ("NegativeBucketCounts", "[1]"),
                ("Min", "0"),
                ("Max", "0"),
            ],
        ),
    ];
    for (table, name, columns) in cases {
        for (column, text) in columns {
            let sql = format!(
                "SELECT {column} FROM metric_fields.otel_metrics_{table} WHERE MetricName = '{name}' \
                 AND Attributes['scale'] != 'coarse' FORMAT TabSeparatedRaw"
            );
            assert_eq!(peer.sql(&sql).await, text, "{column} of {name}");
        }
    }
    let odd = "SELECT arraySort(groupArray(toString(Value))) FROM metric_fields.otel_metrics_gauge \
               WHERE MetricName = 'odd.values' FORMAT TabSeparatedRaw";
    assert_eq!(peer.sql(odd).await, "['-0','-inf','2.5e-9','inf','nan']");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_make_anything_count_twice() {
    let Some(peer) = Peer::find("an_answer_that_breaks_off_does_not_make_anything_count_twice") else {
        return;
    };
    // The tables are there, so that the requests below are inserts.
    peer.store("broken").services(&TenantId::default()).await.unwrap();
    let batch = support::spans(7);
    for bytes in [0, 1, 20, 60] {
        let url = peer.breaking([bytes].into()).await;
        let mut config = peer.config("broken");
        (config.endpoint, config.create_schema) = (url.into(), false);
        let store = ClickHouseStore::new(&config).unwrap();
        let error = store.export(&batch).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        store.export(&batch).await.unwrap();
    }
    assert_eq!(peer.sql("SELECT count() FROM broken.otel_traces").await, "7");

    let metrics = support::shop::with_exponential();
    let expected = ["12", "5", "4", "2"];
    peer.metrics("broken").export(&metrics).await.unwrap();
    assert_eq!(peer.metric_rows("broken").await, expected);
    let later = support::shop::at(metrics, trace_core::model::Timestamp::from_unix_secs(1_756_900_120));
    let mut config = peer.config("broken");
    // The question for types is answered; then each insert in turn is taken without our knowing it.
    config.endpoint = peer.breaking([1, 20, 30].into()).await.into();
    config.create_schema = false;
    let exporter = ClickHouseMetricExporter::new(&config).unwrap();
    let mut tries = 0;
    while let Err(error) = exporter.export(&later).await {
        assert!(error.is_retryable(), "{error}");
        tries += 1;
    }
    assert_eq!(tries, 3);
    assert_eq!(
        peer.metric_rows("broken").await,
        expected.map(|n| (n.parse::<u32>().unwrap() * 2).to_string())
    );
}

#[tokio::test]
async fn metrics_that_another_exporter_wrote_lie_beside_ours_column_by_column() {
    let test = "metrics_that_another_exporter_wrote_lie_beside_ours_column_by_column";
    let Some(peer) = Peer::find(test) else { return };
    let what = "OTLP receiver of a program that writes to the same ClickHouse";
    let Some(url) = support::peer::peer(test, "MPLP_PEER_CLICKHOUSE_COLLECTOR_URL", what) else { return };
    let metrics = support::shop::with_exponential();
    // Makes the tables that the other program writes to, and is there to be told apart.
    peer.metrics("otel").export(&support::gauge(1)).await.unwrap();
    peer.metrics("beside").export(&metrics).await.unwrap();
    OtlpMetricExporter::new(&OtlpConfig::new(url)).unwrap().export(&metrics).await.unwrap();
    for (kind, rows) in METRICS.into_iter().zip(["12", "5", "4", "2"]) {
        let mine = if kind == "gauge" { "WHERE MetricName != 'level'" } else { "" };
        let count = format!("SELECT count() FROM otel.otel_metrics_{kind} {mine}");
        for _ in 0..100 {
            if peer.sql(&count).await == rows {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(peer.sql(&count).await, rows, "{kind}");
        // As texts, since a value that is not a number equals none. The other program shows lists in a way of its own.
        let all = |database: &str| {
            format!(
                "SELECT toString(tuple(* REPLACE (mapFilter((k, v) -> k != 'process.args', mapSort(ResourceAttributes)) AS ResourceAttributes, \
                 mapSort(Attributes) AS Attributes))) FROM {database}.otel_metrics_{kind}"
            )
        };
        let only = |a: &str, b: &str| format!("SELECT * FROM ({} EXCEPT {}) LIMIT 1", all(a), all(b));
        let (ours, theirs) =
            (peer.sql(&only("beside", "otel")).await, peer.sql(&only("otel", "beside")).await);
        // The gauge that was there before is theirs alone.
        let theirs = if theirs.contains("level") { "" } else { &theirs };
        assert_eq!((ours.as_str(), theirs), ("", ""), "{kind}");
    }
}
