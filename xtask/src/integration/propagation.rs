//! Suite `propagation`: traces that begin in curl and in an OpenTelemetry SDK of another language.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::server::Server;
use super::{http, peer};
use crate::scratch::Scratch;
use crate::{Result, process};

const CALLED: &str = "/api/v1/monitoring/anomalies";
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// From the end of the server's span until it can be queried.
const VISIBLE_LIMIT: Duration = Duration::from_secs(20);

/// The caller's side of a call: the server's span must be its child.
struct Caller {
    trace_id: String,
    span_id: String,
}

pub(super) fn run() -> Result<()> {
    let curl = peer::on_path("curl")?;
    let sdk = peer::script("propagation_client.py")?;
    let scratch = Scratch::new("propagation")?;
    let server = Server::start(scratch.path())?;
    let url = format!("http://{}{CALLED}", server.address);
    let callers = [
        ("curl", by_curl(Command::new(curl), &url)),
        ("the OpenTelemetry SDK for Python", by_sdk(sdk, &url)),
    ];
    for (name, caller) in callers {
        let caller = server.explain(caller)?;
        let joined = http::until(VISIBLE_LIMIT, || {
            let path = format!("/api/v1/traces/{}", caller.trace_id);
            child_of(&caller, &http::get(&server.address, &path)?.body)
        });
        let span = server.explain(joined)?;
        println!("span `{span}` of the server is in the trace of {name}, as child of its span");
    }
    Ok(())
}

fn by_curl(mut curl: Command, url: &str) -> Result<Caller> {
    // Ids of this run only, so that no earlier trace can be taken for ours.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let caller = Caller { trace_id: format!("{seed:032x}"), span_id: format!("{:016x}", std::process::id()) };
    let header = format!("traceparent: 00-{}-{}-01", caller.trace_id, caller.span_id);
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "10", "--output", "/dev/null"]);
    process::run(curl.args(["--header", &header, url]), CALL_LIMIT)?;
    Ok(caller)
}

fn by_sdk(mut client: Command, url: &str) -> Result<Caller> {
    let printed = process::read(client.arg(url), CALL_LIMIT)?;
    let call: Value = serde_json::from_str(&printed).map_err(|error| format!("{error} in {printed:?}"))?;
    let id = |name: &str| call[name].as_str().map(str::to_owned).ok_or(format!("no {name} in {printed:?}"));
    Ok(Caller { trace_id: id("traceId")?, span_id: id("spanId")? })
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
        child_of(&Caller { trace_id: "t".into(), span_id: "s".into() }, answer)
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
