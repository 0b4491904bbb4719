//! Suite `slack`: message bodies against a mock that enforces Slack's rules.

use super::peer::Serving;
use super::{http, rust_test};
use crate::Result;
use crate::scratch::Scratch;

const WEBHOOK: &str = "/services/T000/B000/peer";

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("slack")?;
    let file = |name: &str| scratch.path().join(name);
    let dump = file("slack.jsonl");
    let mock = Serving::start("slack_mock.py", |command| {
        command.arg("--dump").arg(&dump);
    })?;
    let throttled_dump = file("throttled.jsonl");
    let throttled = Serving::start("slack_mock.py", |command| {
        command.arg("--throttle-first").arg("--dump").arg(&throttled_dump);
    })?;
    let probe = Serving::start("slack_mock.py", |command| {
        command.arg("--dump").arg(file("probe.jsonl"));
    })?;
    the_mock_refuses_what_slack_refuses(&probe.address)?;
    let url = |mock: &Serving| format!("http://{}{WEBHOOK}", mock.address);
    let variables = [
        ("MPLP_PEER_SLACK_URL", url(&mock)),
        ("MPLP_PEER_SLACK_DUMP", dump.display().to_string()),
        ("MPLP_PEER_SLACK_THROTTLED_URL", url(&throttled)),
        ("MPLP_PEER_SLACK_THROTTLED_DUMP", throttled_dump.display().to_string()),
    ];
    rust_test::run("slack_peer", &variables).map_err(|error| format!("{error}\n{}", mock.output()))?;
    rust_test::saw_requests(&dump)
}

/// A mock that takes everything would make the suite pass for nothing.
fn the_mock_refuses_what_slack_refuses(address: &str) -> Result<()> {
    let long = format!(
        r#"{{"blocks":[{{"type":"section","text":{{"type":"mrkdwn","text":"{}"}}}}]}}"#,
        "x".repeat(3001)
    );
    let cases = [
        (r#"{"text":"a &lt; b"}"#, 200, "ok"),
        (r#"{"text":"a < b"}"#, 400, "invalid_payload"),
        (r#"{"text":"<!channel>"}"#, 400, "invalid_payload"),
        ("{}", 400, "no_text"),
        (long.as_str(), 400, "invalid_blocks"),
    ];
    for (body, status, answer) in cases {
        let reply = http::post_json(address, WEBHOOK, body)?;
        if (reply.status, reply.body.as_str()) != (status, answer) {
            let shown: String = body.chars().take(80).collect();
            let got = format!("{} {}", reply.status, reply.body);
            return Err(format!("the Slack mock answers {got} to {shown}, not {status} {answer}").into());
        }
    }
    Ok(())
}
