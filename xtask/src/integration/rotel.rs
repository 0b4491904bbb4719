//! Rotel, a collector from the Python package of that name.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::peer::python;
use crate::Result;
use crate::process::Background;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Free ports are found by binding them, so another program may take one before the collector does.
const TRIES: u32 = 3;

/// A running collector that receives OTLP over HTTP and gRPC.
pub(super) struct Collector {
    // Dropping it ends the collector.
    background: Background,
    pub(super) url: String,
    pub(super) grpc_url: String,
}

impl Collector {
    /// Starts it with the arguments that say where it sends to.
    pub(super) fn start(exporter: &[&str], folder: &Path) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(exporter, folder) {
                Err(error) if tries < TRIES => println!("the collector did not start, once more: {error}"),
                result => return result,
            }
            tries += 1;
        }
    }

    /// What it printed.
    pub(super) fn output(&self) -> String {
        self.background.output()
    }

    fn try_start(exporter: &[&str], folder: &Path) -> Result<Self> {
        let (grpc, http) = (free_port()?, free_port()?);
        let mut command = Command::new(program()?);
        command
            .args(["start", "--batch-timeout", "50ms"])
            .args(exporter)
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--pid-file")
            .arg(folder.join("collector.pid"));
        let mut background = Background::start("rotel", &mut command)?;
        let began = |line: &str| line.contains("Starting Rotel").then_some(());
        background.wait_for_line(START_LIMIT, began)?;
        // It says so before it listens.
        let deadline = Instant::now() + START_LIMIT;
        while [http, grpc].iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            if Instant::now() >= deadline {
                return Err(format!("rotel does not listen:\n{}", background.output()).into());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let url = |port| format!("http://127.0.0.1:{port}");
        Ok(Self { background, url: url(http), grpc_url: url(grpc) })
    }
}

/// The collector inside of its Python package.
pub(super) fn program() -> Result<String> {
    let code = "import pathlib, rotel; print(pathlib.Path(rotel.__file__).parent / 'rotel-agent')";
    let output = crate::process::read(Command::new(python()?).args(["-c", code]), START_LIMIT)?;
    Ok(output.trim().to_owned())
}

pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
