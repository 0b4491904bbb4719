//! What one writes first: a row a span with a compressed payload, an index by trace, one by service and time, and a
//! posting a span and attribute.

use std::path::Path;
use std::time::Instant;

use cpu_time::ThreadTime;
use rusqlite::{Connection, params};
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::TraceId;
use trace_exporters::otlp::{decode_spans, encode_spans};

use crate::world::{BATCH, World};

pub(crate) struct Peer {
    db: Connection,
    pub(crate) spans: u64,
    pub(crate) rate: f64,
    pub(crate) cpu: f64,
    pub(crate) bytes: f64,
}

fn hash(key: &str, value: &str) -> i64 {
    twox_hash::XxHash3_64::oneshot(format!("{key}\0{value}").as_bytes()) as i64
}

impl Peer {
    pub(crate) fn write(directory: &Path, spans: u64) -> Self {
        let path = directory.join("peer.sqlite");
        let mut db = Connection::open(&path).expect("a database");
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE spans (id INTEGER PRIMARY KEY, trace BLOB, service TEXT, operation TEXT, start INTEGER,
                 duration INTEGER, status INTEGER, payload BLOB);
             CREATE INDEX by_trace ON spans (trace);
             CREATE INDEX by_start ON spans (service, operation, start);
             CREATE TABLE postings (hash INTEGER, span INTEGER, PRIMARY KEY (hash, span)) WITHOUT ROWID;",
        )
        .expect("tables");
        let mut world = World::new();
        let batches: Vec<SpanBatch> = (0..spans / BATCH).map(|_| world.batch()).collect();
        let (began, cpu) = (Instant::now(), ThreadTime::now());
        let mut compressor = zstd::bulk::Compressor::new(1).expect("a compressor");
        let mut id = 0;
        for batch in &batches {
            let tx = db.transaction().expect("a transaction");
            {
                let mut row = tx
                    .prepare_cached("INSERT INTO spans VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                    .expect("a statement");
                let mut posting =
                    tx.prepare_cached("INSERT INTO postings VALUES (?1, ?2)").expect("a statement");
                for (i, span) in batch.iter().enumerate() {
                    id += 1;
                    let mut payload = Vec::new();
                    encode_spans(&batch.slice(i..i + 1), &mut payload);
                    let payload = compressor.compress(&payload).expect("compressed");
                    row.execute(params![
                        id,
                        span.trace_id().to_bytes(),
                        span.resource().service_name(),
                        span.name(),
                        span.start().unix_nanos() as i64,
                        span.duration().as_nanos() as i64,
                        span.is_error(),
                        payload
                    ])
                    .expect("a row");
                    for (key, value) in span.attributes() {
                        posting.execute(params![hash(key, &value.to_string()), id]).expect("a posting");
                    }
                }
            }
            tx.commit().expect("a commit");
        }
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
        let n = (spans / BATCH * BATCH) as f64;
        let bytes = std::fs::metadata(path).expect("a file").len() as f64 / n;
        Self {
            rate: n / began.elapsed().as_secs_f64(),
            cpu: cpu.elapsed().as_secs_f64() * 1e6 / n,
            spans: n as u64,
            bytes,
            db,
        }
    }

    /// The spans of a trace, decoded.
    pub(crate) fn trace(&self, id: TraceId) -> Vec<SpanBatchMut> {
        self.read("SELECT payload FROM spans WHERE trace = ?1", params![id.to_bytes()])
    }

    /// The newest twenty spans with an attribute, decoded: not even their traces.
    pub(crate) fn search(&self, key: &str, value: &str) -> Vec<SpanBatchMut> {
        let sql = "SELECT payload FROM postings JOIN spans ON spans.id = span WHERE hash = ?1 ORDER BY start DESC LIMIT 20";
        self.read(sql, params![hash(key, value)])
    }

    fn read(&self, sql: &str, parameters: impl rusqlite::Params) -> Vec<SpanBatchMut> {
        let mut statement = self.db.prepare_cached(sql).expect("a statement");
        let payloads = statement.query_map(parameters, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
        let open = |payload: rusqlite::Result<Vec<u8>>| {
            let bytes = zstd::bulk::decompress(&payload.expect("a payload"), 1 << 20).expect("bytes");
            decode_spans(&bytes).expect("spans").batches
        };
        payloads.flat_map(open).collect()
    }
}
