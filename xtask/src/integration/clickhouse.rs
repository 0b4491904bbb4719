//! Suite `clickhouse`: the engine of ClickHouse behind an HTTP interface of ours, and a collector that others wrote, which
//! writes into the same tables.

use std::process::Command;

use super::peer::{Serving, environment, scripts};
use super::rotel::Collector;
use super::rust_test;
use crate::Result;
use crate::scratch::Scratch;

const REQUIREMENTS: &str = include_str!("../../peers/clickhouse-requirements.txt");
const PASSWORD: &str = "only-for-this-run";

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("clickhouse")?;
    let dump = scratch.path().join("clickhouse.jsonl");
    let python = environment("clickhouse", "clickhouse-requirements.txt", REQUIREMENTS, &["--no-deps"])?;
    let mut command = Command::new(python);
    command.arg(scripts().join("clickhouse_shim.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--data").arg(scratch.path().join("data"));
    command.arg("--dump").arg(&dump).args(["--password", PASSWORD]);
    let engine = Serving::run("clickhouse_shim.py", &mut command)?;
    let url = format!("http://{}", engine.address);
    let exporter = ["--exporter", "clickhouse", "--clickhouse-exporter-compression", "none"];
    let credentials = ["--clickhouse-exporter-user", "default", "--clickhouse-exporter-password", PASSWORD];
    let address = ["--clickhouse-exporter-endpoint", &url];
    let collector = Collector::start(&[&exporter[..], &credentials, &address].concat(), scratch.path())?;
    let variables = [
        ("MPLP_PEER_CLICKHOUSE_URL", url.clone()),
        ("MPLP_PEER_CLICKHOUSE_PASSWORD", PASSWORD.to_owned()),
        ("MPLP_PEER_CLICKHOUSE_COLLECTOR_URL", collector.url.clone()),
    ];
    rust_test::run("clickhouse_peer", &variables)
        .map_err(|error| format!("{error}\n{}\n{}", engine.output(), collector.output()))?;
    rust_test::saw_requests(&dump)
}
