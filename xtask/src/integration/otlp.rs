//! Suite `otlp`: spans, metrics and logs over HTTP, in protobuf and JSON, and over gRPC, decoded by the official classes for Python
//! and types for Node.js, and by a collector that others wrote, which forwards them in its own encoding.

use super::peer::Serving;
use super::rotel::{Collector, free_port};
use super::{node, rust_test};
use crate::Result;
use crate::scratch::Scratch;

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("otlp")?;
    let dump = scratch.path().join("otlp.jsonl");
    let grpc_port = free_port()?;
    let receiver = Serving::start("otlp_receiver.py", |command| {
        command.arg("--dump").arg(&dump).args(["--grpc-port", &grpc_port.to_string()]);
    })?;
    let node = Serving::run("otlp_receiver.js", node::script("otlp_receiver.js")?.arg(&dump))?;
    let receiver_url = format!("http://{}", receiver.address);
    let exporter = ["--exporter", "otlp", "--otlp-exporter-protocol", "http"];
    let address = ["--otlp-exporter-endpoint", &receiver_url];
    let collector = Collector::start(&[&exporter[..], &address].concat(), scratch.path())?;
    let variables = [
        ("MPLP_PEER_OTLP_URL", receiver_url),
        ("MPLP_PEER_OTLP_NODE_URL", format!("http://{}", node.address)),
        ("MPLP_PEER_OTLP_GRPC_URL", format!("http://127.0.0.1:{grpc_port}")),
        ("MPLP_PEER_OTLP_COLLECTOR_URL", collector.url.clone()),
        ("MPLP_PEER_OTLP_COLLECTOR_GRPC_URL", collector.grpc_url.clone()),
        ("MPLP_PEER_OTLP_DUMP", dump.display().to_string()),
    ];
    for test in ["otlp_peer", "otlp_logs_peer"] {
        rust_test::run(test, &variables).map_err(|error| {
            let said = [receiver.output(), node.output(), collector.output()].join("\n");
            format!("{error}\n{said}")
        })?;
    }
    rust_test::saw_requests(&dump)
}
