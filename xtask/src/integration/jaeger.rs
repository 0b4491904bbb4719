//! Suites `jaeger` and `zipkin`: spans sent to a Jaeger by each of the ways that it takes them, read back by its query
//! API.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{go, http, rust_test};
use crate::Result;
use crate::process::Background;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Free ports are found by binding them, so another program may take one before Jaeger does.
const TRIES: u32 = 3;

/// OTLP over HTTP, Thrift over HTTP, datagrams.
pub(super) fn run() -> Result<()> {
    with("jaeger_peer")
}

/// Zipkin v2 JSON.
pub(super) fn run_zipkin() -> Result<()> {
    with("zipkin_peer")
}

fn with(test: &str) -> Result<()> {
    let jaeger = Jaeger::start()?;
    let variables = [
        ("MPLP_PEER_JAEGER_QUERY", format!("http://127.0.0.1:{}", jaeger.query)),
        ("MPLP_PEER_JAEGER_OTLP", format!("http://127.0.0.1:{}", jaeger.otlp)),
        ("MPLP_PEER_JAEGER_THRIFT", format!("http://127.0.0.1:{}/api/traces", jaeger.thrift)),
        ("MPLP_PEER_JAEGER_AGENT", format!("udp://127.0.0.1:{}", jaeger.agent)),
        ("MPLP_PEER_JAEGER_ZIPKIN", format!("http://127.0.0.1:{}", jaeger.zipkin)),
    ];
    rust_test::run(test, &variables)
        .map_err(|error| format!("{error}\n{}", jaeger.background.output()).into())
}

struct Jaeger {
    // Dropping it ends the program.
    background: Background,
    query: u16,
    otlp: u16,
    thrift: u16,
    agent: u16,
    zipkin: u16,
}

impl Jaeger {
    fn start() -> Result<Self> {
        let program = go::jaeger()?;
        let mut tries = 1;
        loop {
            match Self::try_start(&program) {
                Err(error) if tries < TRIES => println!("Jaeger did not start, once more: {error}"),
                result => return result,
            }
            tries += 1;
        }
    }

    fn try_start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.env("SPAN_STORAGE_TYPE", "memory").args(["--log-level", "warn"]);
        let mut listen = |flag: &str, port: u16| {
            command.arg(format!("--{flag}=127.0.0.1:{port}"));
            port
        };
        let query = listen("query.http-server.host-port", tcp_port()?);
        let otlp = listen("collector.otlp.http.host-port", tcp_port()?);
        let thrift = listen("collector.http-server.host-port", tcp_port()?);
        let agent = listen("processor.jaeger-compact.server-host-port", udp_port()?);
        let zipkin = listen("collector.zipkin.host-port", tcp_port()?);
        for flag in [
            "admin.http.host-port",
            "collector.grpc-server.host-port",
            "collector.otlp.grpc.host-port",
            "http-server.host-port",
            "query.grpc-server.host-port",
        ] {
            listen(flag, tcp_port()?);
        }
        for flag in ["processor.jaeger-binary.server-host-port", "processor.zipkin-compact.server-host-port"]
        {
            listen(flag, udp_port()?);
        }
        let background = Background::start("jaeger", &mut command)?;
        let deadline = Instant::now() + START_LIMIT;
        while http::get(&format!("127.0.0.1:{query}"), "/api/services").is_err() {
            if Instant::now() >= deadline {
                return Err(format!("Jaeger does not answer:\n{}", background.output()).into());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(Self { background, query, otlp, thrift, agent, zipkin })
    }
}

fn tcp_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn udp_port() -> Result<u16> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
