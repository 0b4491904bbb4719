//! A Prometheus or VictoriaMetrics that a test starts and asks.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A running server; it ends with this.
pub struct Server {
    child: Child,
    pub address: String,
    folder: tempfile::TempDir,
}

/// Labels of a series as sorted text, and its value: a number, or `count sum buckets` of a native histogram.
pub type Samples = BTreeMap<String, String>;

impl Server {
    /// A Prometheus with these flags; `target`, if any, is scraped each second.
    pub async fn prometheus(program: &str, flags: &[&str], target: Option<&str>) -> Self {
        Self::configured(program, flags, target, "").await
    }

    /// The same with a section `remote_write`.
    pub async fn prometheus_writing(program: &str, flags: &[&str], target: &str, section: &str) -> Self {
        Self::configured(program, flags, Some(target), section).await
    }

    async fn configured(program: &str, flags: &[&str], target: Option<&str>, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let scrape = target.map_or(String::new(), |t| {
            format!("scrape_configs:\n- {{job_name: shop, static_configs: [{{targets: ['{t}']}}]}}\n")
        });
        std::fs::write(
            &config,
            format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{scrape}{more}"),
        )
        .unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .args(flags);
        Self::start(command, folder, "--web.listen-address=", "/-/ready").await
    }

    pub async fn victoria_metrics(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command.arg("-search.latencyOffset=0s").arg("-search.disableCache");
        command.arg(format!("-storageDataPath={}", folder.path().join("data").display()));
        Self::start(command, folder, "-httpListenAddr=", "/health").await
    }

    async fn start(mut command: Command, folder: tempfile::TempDir, flag: &str, ready: &str) -> Self {
        // Neither can bind port 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command.arg(format!("{flag}{address}")).stdout(Stdio::null()).stderr(log).current_dir(folder.path());
        let server = Self { child: command.spawn().unwrap(), address, folder };
        server.until("ready", || server.get(ready).map(drop)).await;
        server
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The body of a 200.
    pub fn get(&self, path: &str) -> Result<String, String> {
        let mut stream = TcpStream::connect(&self.address).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(|e| e.to_string())?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
            _ => Err(answer),
        }
    }

    /// The data of an API's answer; the query's parameters are encoded.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let query: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let body = self.get(&format!("{path}?{}", query.join("&")))?;
        let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{e} in {body}"))?;
        Ok(answer["data"].clone())
    }

    /// All present samples of a query.
    pub fn samples(&self, query: &str) -> Result<Samples, String> {
        let data = self.api("/api/v1/query", &[("query", query)])?;
        let result = data["result"].as_array().ok_or("no result")?;
        Ok(result.iter().map(|one| (series(&one["metric"]), value(one))).collect())
    }

    /// Tries until it succeeds.
    pub async fn until<T>(&self, what: &str, mut check: impl FnMut() -> Result<T, String>) -> T {
        let began = Instant::now();
        loop {
            match check() {
                Ok(found) => return found,
                Err(why) if began.elapsed() > LIMIT => panic!("{what}: {why}\n{}", self.log()),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn series(metric: &Value) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_value(metric.clone()).unwrap();
    show(&labels)
}

/// Labels as text; the bounds of buckets by their value, which servers write differently.
pub fn show(labels: &BTreeMap<String, String>) -> String {
    let mut labels = labels.clone();
    if let Some(le) = labels.get_mut("le") {
        *le = number(le);
    }
    format!("{labels:?}")
}

/// A number in one way of writing.
pub fn number(text: &str) -> String {
    let v = text.parse::<f64>().unwrap();
    if v == 0.0 { "0".to_owned() } else { format!("{v:e}") }
}

fn value(one: &Value) -> String {
    match one["value"][1].as_str() {
        Some(text) => number(text),
        None => {
            let histogram = &one["histogram"][1];
            let field = |name: &str| number(histogram[name].as_str().unwrap());
            let buckets = histogram["buckets"].as_array().into_iter().flatten();
            let buckets: Vec<String> =
                buckets.map(|b| [1, 2, 3].map(|i| number(b[i].as_str().unwrap())).join(" ")).collect();
            format!("{} {} {buckets:?}", field("count"), field("sum"))
        }
    }
}
