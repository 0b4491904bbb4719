//! Suite `otlp`: spans and metrics, decoded by the official protobuf classes for Python.

use super::peer::Serving;
use super::rust_test;
use crate::Result;
use crate::scratch::Scratch;

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("otlp")?;
    let dump = scratch.path().join("otlp.jsonl");
    let receiver = Serving::start("otlp_receiver.py", |command| {
        command.arg("--dump").arg(&dump);
    })?;
    let variables = [
        ("MPLP_PEER_OTLP_URL", format!("http://{}", receiver.address)),
        ("MPLP_PEER_OTLP_DUMP", dump.display().to_string()),
    ];
    rust_test::run("otlp_peer", &variables).map_err(|error| format!("{error}\n{}", receiver.output()))?;
    rust_test::saw_requests(&dump)
}
