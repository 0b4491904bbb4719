//! What a Jaeger shows of a trace by its query API, and what it should show of a span.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trace_core::model::TraceId;

/// A span that is visible within this is soon enough.
const VISIBLE_LIMIT: Duration = Duration::from_secs(15);

/// The trace with so many spans, once it is there: by span id, each with its process in place.
pub async fn trace(query: &str, id: TraceId, spans: usize) -> BTreeMap<String, Json> {
    let deadline = Instant::now() + VISIBLE_LIMIT;
    loop {
        let answer = get(query, &format!("/api/traces/{id}")).await;
        let found = serde_json::from_str::<Json>(&answer).map(by_id).unwrap_or_default();
        if found.len() == spans {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {spans} spans of {id}: {answer}", found.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn by_id(mut answer: Json) -> BTreeMap<String, Json> {
    // `data` is null while there is no such trace.
    let trace = answer["data"].get_mut(0).map(Json::take).unwrap_or_default();
    let spans = trace["spans"].as_array().cloned().unwrap_or_default();
    let with_process = |mut span: Json| {
        span["process"] = trace["processes"][span["processID"].as_str().unwrap()].clone();
        (span["spanID"].as_str().unwrap().to_owned(), span)
    };
    spans.into_iter().map(with_process).collect()
}

/// Tags or fields as `key: (type, value)`.
pub fn tags(list: &Json) -> BTreeMap<String, (String, Json)> {
    let list = list.as_array().cloned().unwrap_or_default();
    let count = list.len();
    let entry = |tag: Json| {
        let text = |name: &str| tag[name].as_str().unwrap().to_owned();
        (text("key"), (text("type"), tag["value"].clone()))
    };
    let tags: BTreeMap<_, _> = list.into_iter().map(entry).collect();
    assert_eq!(tags.len(), count, "a key stands twice");
    tags
}

async fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
