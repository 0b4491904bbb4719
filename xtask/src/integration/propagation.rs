//! Suite `propagation`: traces that cross between us and OpenTelemetry SDKs of two other languages, in each header
//! format and both directions. Correlation ids, which no SDK knows, cross to a plain HTTP server of either language, and
//! back from a plain client.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::peer::Serving;
use super::server::Server;
use super::{http, node, peer, rust_test};
use crate::scratch::Scratch;
use crate::{Result, process};

const CALLED: &str = "/api/v1/monitoring/anomalies";
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// From the end of the server's span until it can be queried.
const VISIBLE_LIMIT: Duration = Duration::from_secs(20);
/// As the peers name them.
const FORMATS: [&str; 6] = ["w3c", "b3", "b3multi", "jaeger", "xray", OT_TRACE];
/// The headers of which hold the lower half of a trace id only.
const OT_TRACE: &str = "ottrace";
/// What the server reads; the names are OpenTelemetry's.
const PROPAGATORS: &str = "b3,jaeger,xray,ottrace,tracecontext,baggage";

/// The caller's side of a call: the server's span must be its child.
struct Caller {
    name: String,
    trace_id: String,
    span_id: String,
}

pub(super) fn run() -> Result<()> {
    let curl = peer::on_path("curl")?;
    let python = Serving::start("propagation_peer.py", |_| ())?;
    let node = Serving::run("propagation_peer.js", &mut node::script("propagation_peer.js")?)?;
    let peers = [("Python", &python), ("Node.js", &node)];

    let scratch = Scratch::new("propagation")?;
    let server = Server::start_with(scratch.path(), |command| {
        command.env("OTEL_PROPAGATORS", PROPAGATORS);
    })?;
    let url = format!("http://{}{CALLED}", server.address);
    let mut callers = vec![by_curl(Command::new(curl), &url)?];
    for (language, peer) in peers {
        for format in FORMATS {
            callers.push(by_sdk(language, peer, format, &url)?);
        }
    }
    for caller in callers {
        let joined = http::until(VISIBLE_LIMIT, || {
            let path = format!("/api/v1/traces/{}", caller.trace_id);
            child_of(&caller, &http::get(&server.address, &path)?.body)
        });
        let span = server.explain(joined.map_err(|error| format!("{}: {error}", caller.name).into()))?;
        println!("span `{span}` of the server is in the trace of {}, as child of its span", caller.name);
    }
    drop(server);

    let variables = [
        ("MPLP_PEER_PROPAGATION_PYTHON", python.address.clone()),
        ("MPLP_PEER_PROPAGATION_NODE", node.address.clone()),
    ];
    rust_test::run("propagation_peer", &variables)
        .map_err(|error| format!("{error}\n{}\n{}", python.output(), node.output()).into())
}

fn by_curl(mut curl: Command, url: &str) -> Result<Caller> {
    // Ids of this run only, so that no earlier trace can be taken for ours.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let caller = Caller {
        name: "curl".into(),
        trace_id: format!("{seed:032x}"),
        span_id: format!("{:016x}", std::process::id()),
    };
    let header = format!("traceparent: 00-{}-{}-01", caller.trace_id, caller.span_id);
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "10", "--output", "/dev/null"]);
    process::run(curl.args(["--header", &header, url]), CALL_LIMIT)?;
    Ok(caller)
}

fn by_sdk(language: &str, peer: &Serving, format: &str, url: &str) -> Result<Caller> {
    let path = format!("/call/{format}?url={}", http::encoded(url));
    let answer = http::get(&peer.address, &path)?;
    let call: Value =
        serde_json::from_str(&answer.body).map_err(|error| format!("{error} in {:?}", answer.body))?;
    if call["status"] != 200 {
        return Err(format!("the SDK for {language} could not call {url}: {call}").into());
    }
    let id = |name: &str| call[name].as_str().map(str::to_owned).ok_or(format!("no {name} in {call}"));
    let name = format!("the OpenTelemetry SDK for {language} by {format}");
    let mut trace_id = id("traceId")?;
    if format == OT_TRACE {
        let (_, low) = trace_id.split_at_checked(16).ok_or_else(|| format!("no trace id in {call}"))?;
        trace_id = format!("{low:0>32}");
    }
    Ok(Caller { name, trace_id, span_id: id("spanId")? })
}

/// The name of the one span that is a child of the caller's, in an answer of `/api/v1/traces/{id}`.
fn child_of(caller: &Caller, answer: &str) -> Result<String> {
    let parsed: Value = serde_json::from_str(answer).map_err(|error| format!("{error} in {answer:?}"))?;
    let trace = &parsed["trace"];
    if parsed["success"] != true || trace["traceId"] != caller.trace_id.as_str() {
        return Err(format!("not the trace {}: {answer}", caller.trace_id).into());
    }
    let spans = trace["spans"].as_array().ok_or_else(|| format!("no spans in {answer}"))?;
    let is_child = |span: &&Value| span["parentSpanId"] == caller.span_id.as_str();
    match spans.iter().filter(is_child).collect::<Vec<_>>().as_slice() {
        [child] => {
            Ok(child["name"].as_str().ok_or_else(|| format!("a span without name: {child}"))?.to_owned())
        }
        others => {
            Err(format!("{} children of span {} instead of one: {answer}", others.len(), caller.span_id)
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(answer: &str) -> Result<String> {
        child_of(&Caller { name: "n".into(), trace_id: "t".into(), span_id: "s".into() }, answer)
    }

    #[test]
    fn the_child_of_the_caller_is_found() {
        let answer = r#"{"success":true,"trace":{"traceId":"t","spans":[
            {"spanId":"a","parentSpanId":"s","name":"GET /x"},{"spanId":"b","parentSpanId":"a","name":"inner"}]}}"#;
        assert_eq!(found(answer).unwrap(), "GET /x");
    }

    #[test]
    fn a_trace_that_was_not_joined_is_refused() {
        let wrong = [
            r#"{"success":false,"error":"not found"}"#,
            r#"{"success":true,"trace":{"traceId":"other","spans":[{"parentSpanId":"s","name":"n"}]}}"#,
            r#"{"success":true,"trace":{"traceId":"t","spans":[{"parentSpanId":null,"name":"n"}]}}"#,
            r#"{"success":true,"trace":{"traceId":"t","spans":[
                {"parentSpanId":"s","name":"n"},{"parentSpanId":"s","name":"n"}]}}"#,
            "",
        ];
        for answer in wrong {
            assert!(found(answer).is_err(), "{answer}");
        }
    }
}
