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
use trace_core::signal::SpanExporter;
use trace_core::store::{AttributeCondition, AttributeTest, SpanFilter, SpanQuery, SpanReader};
use trace_core::testing::{Fidelity, conformance, span_store};
use trace_exporters::clickhouse::{ClickHouseConfig, ClickHouseStore, Compression};
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter};

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
