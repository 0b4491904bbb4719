//! Suite `otlp`: spans and metrics, decoded by the official protobuf classes for Python, and by a collector that others
//! wrote, which forwards them in its own encoding.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::peer::{Serving, python};
use super::rust_test;
use crate::Result;
use crate::process::Background;
use crate::scratch::Scratch;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Free ports are found by binding them, so another program may take one before the collector does.
const TRIES: u32 = 3;

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("otlp")?;
    let dump = scratch.path().join("otlp.jsonl");
    let receiver = Serving::start("otlp_receiver.py", |command| {
        command.arg("--dump").arg(&dump);
    })?;
    let receiver_url = format!("http://{}", receiver.address);
    let collector = Collector::start(&receiver_url, scratch.path())?;
    let variables = [
        ("MPLP_PEER_OTLP_URL", receiver_url),
        ("MPLP_PEER_OTLP_COLLECTOR_URL", collector.url.clone()),
        ("MPLP_PEER_OTLP_DUMP", dump.display().to_string()),
    ];
    rust_test::run("otlp_peer", &variables)
        .map_err(|error| format!("{error}\n{}\n{}", receiver.output(), collector.background.output()))?;
    rust_test::saw_requests(&dump)
}

/// Rotel, a collector from the Python package of that name.
struct Collector {
    // Dropping it ends the collector.
    background: Background,
    url: String,
}

impl Collector {
    fn start(receiver_url: &str, folder: &Path) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(receiver_url, folder) {
                Err(error) if tries < TRIES => println!("the collector did not start, once more: {error}"),
                result => return result,
            }
            tries += 1;
        }
    }

    fn try_start(receiver_url: &str, folder: &Path) -> Result<Self> {
        let (grpc, http) = (free_port()?, free_port()?);
        let mut command = Command::new(collector_program()?);
        command
            .args([
                "start",
                "--exporter",
                "otlp",
                "--otlp-exporter-protocol",
                "http",
                "--batch-timeout",
                "50ms",
            ])
            .args(["--otlp-exporter-endpoint", receiver_url])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--pid-file")
            .arg(folder.join("collector.pid"));
        let mut background = Background::start("rotel", &mut command)?;
        let began = |line: &str| line.contains("Starting Rotel").then_some(());
        background.wait_for_line(START_LIMIT, began)?;
        // It says so before it listens.
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(("127.0.0.1", http)).is_err() {
            if Instant::now() >= deadline {
                return Err(format!("rotel does not listen:\n{}", background.output()).into());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(Self { background, url: format!("http://127.0.0.1:{http}") })
    }
}

/// The collector inside of its Python package.
pub(super) fn collector_program() -> Result<String> {
    let code = "import pathlib, rotel; print(pathlib.Path(rotel.__file__).parent / 'rotel-agent')";
    let output = crate::process::read(Command::new(python()?).args(["-c", code]), START_LIMIT)?;
    Ok(output.trim().to_owned())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
