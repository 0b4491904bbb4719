//! A running OpenTelemetry Collector, configured by the tests.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// Receives OTLP, Zipkin and Jaeger's Thrift, and writes to files, or sends on to one address. Ends when it is dropped.
pub struct Collector {
    child: Child,
    folder: TempDir,
    ports: Ports,
}

struct Ports {
    grpc: u16,
    http: u16,
    zipkin: u16,
    thrift: u16,
    agent: u16,
}

impl Collector {
    /// `send_to`: an exporter's name and where it sends; else to files.
    pub async fn start(program: &str, send_to: Option<(&str, SocketAddr)>) -> Self {
        // Free ports are found by binding them, so another program may take one before the Collector does.
        for _ in 0..2 {
            if let Some(collector) = Self::try_start(program, send_to).await {
                return collector;
            }
        }
        Self::try_start(program, send_to).await.expect("the Collector starts")
    }

    async fn try_start(program: &str, send_to: Option<(&str, SocketAddr)>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports { grpc: tcp(), http: tcp(), zipkin: tcp(), thrift: tcp(), agent: udp() };
        let file = folder.path().join("collector.yaml");
        std::fs::write(&file, configuration(&ports, folder.path(), send_to)).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg(format!("--config=file:{}", file.display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut started = Self { child, folder, ports };
        let began = Instant::now();
        while !started.listens().await {
            if started.child.try_wait().unwrap().is_some() || began.elapsed() > LIMIT {
                eprintln!("the Collector did not start: {}", started.output());
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(started)
    }

    async fn listens(&self) -> bool {
        for port in [self.ports.grpc, self.ports.http, self.ports.zipkin, self.ports.thrift] {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                return false;
            }
        }
        // Its receiver for Jaeger takes datagrams before it listens for Thrift over HTTP.
        true
    }

    pub fn grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.grpc)
    }

    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.http)
    }

    pub fn zipkin(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2/spans", self.ports.zipkin)
    }

    pub fn thrift(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.thrift)
    }

    pub fn agent(&self) -> String {
        format!("udp://127.0.0.1:{}", self.ports.agent)
    }

    /// What it printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The OTLP requests with spans that it holds, once there are as many.
    pub async fn spans(&self, at_least: usize) -> Vec<Vec<u8>> {
        self.messages("spans", at_least).await
    }

    /// The same with metrics.
    pub async fn metrics(&self, at_least: usize) -> Vec<Vec<u8>> {
        self.messages("metrics", at_least).await
    }

    async fn messages(&self, file: &str, at_least: usize) -> Vec<Vec<u8>> {
        let began = Instant::now();
        loop {
            let messages = split(&std::fs::read(self.folder.path().join(file)).unwrap_or_default());
            if messages.len() >= at_least {
                return messages;
            }
            let found = messages.len();
            assert!(began.elapsed() < LIMIT, "{found} of {at_least} messages: {}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each message stands behind its length of four bytes; one that is being written is left out.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((message, rest)) = rest.split_at_checked(length) else { break };
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}

fn configuration(ports: &Ports, folder: &Path, send_to: Option<(&str, SocketAddr)>) -> String {
    let Ports { grpc, http, zipkin, thrift, agent } = ports;
    let receivers = format!(
        "receivers:
  otlp:
    protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'}}, http: {{endpoint: '127.0.0.1:{http}'}}}}
  zipkin: {{endpoint: '127.0.0.1:{zipkin}'}}
  jaeger:
    protocols:
      thrift_http: {{endpoint: '127.0.0.1:{thrift}'}}
      thrift_compact: {{endpoint: '127.0.0.1:{agent}'}}
"
    );
    let (exporters, spans, metrics) = match send_to {
        None => {
            let file = |name: &str| {
                let path = folder.join(name);
                format!("{{path: '{}', format: proto, flush_interval: 20ms}}", path.display())
            };
            let both = format!("  file/spans: {}\n  file/metrics: {}\n", file("spans"), file("metrics"));
            (both, "file/spans", "file/metrics")
        }
        Some((name, address)) => {
            let settings = match name {
                "otlp" => format!("{{endpoint: '{address}', tls: {{insecure: true}}}}"),
                "otlphttp" => format!("{{endpoint: 'http://{address}'}}"),
                _ => format!("{{endpoint: 'http://{address}', encoding: json, compression: none}}"),
            };
            (format!("  {name}: {settings}\n"), name, name)
        }
    };
    format!(
        "{receivers}exporters:\n{exporters}service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    traces: {{receivers: [otlp, zipkin, jaeger], exporters: [{spans}]}}
    metrics: {{receivers: [otlp], exporters: [{metrics}]}}
"
    )
}

fn tcp() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn udp() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
