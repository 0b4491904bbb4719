//! Prometheus scrapes a text and writes what it found to us: every sample, type, text and exemplar is compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Response;
use trace_core::model::*;
use trace_exporters::receiver::{Listener, ReceiverLimits, ReplyBody};
use trace_exporters::remote_write_receiver::RemoteWriteReceiver;

use super::peer;
use super::support::promql::Server;
use super::support::receiving::Kept;

/// OpenMetrics: a counter with an exemplar, a gauge, a classic histogram.
const TEXT: &str = "\
# HELP requests Served.
# TYPE requests counter
requests_total{route=\"/a\"} 41 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",k=\"v\"} 2.5
# HELP temperature_celsius Of the room.
# TYPE temperature_celsius gauge
# UNIT temperature_celsius celsius
temperature_celsius{room=\"grün\"} -1.5
# HELP took_seconds Time.
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_bucket{le=\"0.5\"} 1
took_seconds_bucket{le=\"+Inf\"} 3
took_seconds_sum 4.25
took_seconds_count 3
# EOF
";

async fn target() -> Listener {
    let answer = |_| async {
        let mut response = Response::new(ReplyBody::from(TEXT));
        let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(http::header::CONTENT_TYPE, content.parse().unwrap());
        response
    };
    Listener::start("a target", "127.0.0.1:0", answer).await.unwrap()
}

/// The last point of each series that is not one of the scrape itself, by its name and attributes.
type Points = BTreeMap<(String, String), (Metric, NumberPoint)>;

fn points(kept: &Kept) -> Points {
    let mut out = Points::new();
    for batch in kept.metrics() {
        for metric in batch.scopes.into_iter().flat_map(|s| s.metrics) {
            let (MetricData::Gauge { points } | MetricData::Sum { points, .. }) = &metric.data else {
                panic!("{metric:?}")
            };
            for point in points {
                let attributes: Vec<String> =
                    point.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
                let key = (metric.name.to_string(), attributes.join(","));
                out.insert(key, (metric.clone(), point.clone()));
            }
        }
    }
    out.retain(|(name, _), _| name != "up" && !name.starts_with("scrape_"));
    out
}

/// Whether everything is there; what is missing if not.
fn check(kept: &Kept) -> Result<(), String> {
    let found = points(kept);
    let expected = [
        ("requests_total", "route=/a", 41.0, "Served.", ""),
        ("temperature_celsius", "room=grün", -1.5, "Of the room.", "celsius"),
        ("took_seconds_bucket", "le=0.5", 1.0, "Time.", "seconds"),
        ("took_seconds_bucket", "le=+Inf", 3.0, "Time.", "seconds"),
        ("took_seconds_sum", "", 4.25, "Time.", "seconds"),
        ("took_seconds_count", "", 3.0, "Time.", "seconds"),
    ];
    for (name, attributes, value, help, unit) in expected {
        let key = (name.to_owned(), attributes.to_owned());
        let (metric, point) =
            found.get(&key).ok_or_else(|| format!("{key:?} is not in {:?}", found.keys()))?;
        if point.value != Number::F64(value) {
            return Err(format!("{name} is {:?}", point.value));
        }
        if (&*metric.description, &*metric.unit) != (help, unit) {
            return Err(format!("{name} has the texts {:?}, {:?}", metric.description, metric.unit));
        }
        let is_counter = matches!(metric.data, MetricData::Sum { monotonic: true, .. });
        if is_counter != (name == "requests_total") {
            return Err(format!("{name} is {:?}", metric.data));
        }
    }
    if found.len() != expected.len() {
        return Err(format!("there is more: {:?}", found.keys()));
    }
    Ok(())
}

fn has_exemplar(kept: &Kept) -> Result<(), String> {
    let batches = kept.metrics();
    let metrics = batches.iter().flat_map(|b| &b.scopes).flat_map(|s| &s.metrics);
    let points = metrics.filter(|m| m.name == "requests_total").flat_map(|m| match &m.data {
        MetricData::Gauge { points } | MetricData::Sum { points, .. } => points.clone(),
        _ => Vec::new(),
    });
    let found: Vec<Exemplar> = points.flat_map(|p| p.exemplars).collect();
    let Some(one) = found.first() else { return Err("no exemplar".to_owned()) };
    assert_eq!(one.trace_id.map(|id| id.to_string()).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!((one.value, &one.attributes[..]), (Number::F64(2.5), &[KeyValue::new("k", "v")][..]));
    Ok(())
}

async fn written(program: &str, flags: &[&str], section: &str) {
    let kept = Kept::default();
    let receiver = RemoteWriteReceiver::new(kept.clone(), ReceiverLimits::default());
    let listener = receiver.listen("127.0.0.1:0").await.unwrap();
    let target = target().await;
    let address = target.local_addr().to_string();
    let write = format!(
        "remote_write:\n- url: http://{}/api/v1/write\n  send_exemplars: true\n  queue_config: {{batch_send_deadline: \
         200ms}}\n  metadata_config: {{send: true, send_interval: 1s}}\n{section}",
        listener.local_addr()
    );
    let server = Server::prometheus_writing(program, flags, &address, &write).await;
    server.until("the series", || check(&kept)).await;
    server.until("the exemplar", || has_exemplar(&kept)).await;
    let resources: Vec<Arc<Resource>> = kept.metrics().into_iter().map(|b| b.resource).collect();
    assert!(resources.iter().all(|r| r.service_name() == "shop"), "{resources:?}");
    let instance = Value::from(address.clone());
    assert!(resources.iter().all(|r| r.attributes.get("service.instance.id") == Some(&instance)));
    let counts = receiver.counts();
    assert_eq!(
        (counts.bad_requests, counts.busy_requests, counts.rejected_points),
        (0, 0, 0),
        "{}",
        server.log()
    );
    // Nothing failed by its own account either.
    let own = server.get("/metrics").unwrap();
    let failed = own.lines().find(|l| l.starts_with("prometheus_remote_storage_samples_failed_total"));
    assert!(failed.is_some_and(|l| l.ends_with(" 0")), "{failed:?}");
    drop(server);
    listener.shutdown().await;
    target.shutdown().await;
}

#[tokio::test]
async fn what_prometheus_writes_in_1_0_arrives() {
    let test = "what_prometheus_writes_in_1_0_arrives";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS", "path of prometheus") else { return };
    written(&program, &["--enable-feature=exemplar-storage"], "").await;
}

#[tokio::test]
async fn prometheus_3_writes_in_2_0_and_what_it_writes_arrives() {
    let test = "prometheus_3_writes_in_2_0_and_what_it_writes_arrives";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS3", "path of prometheus 3") else { return };
    let flags = ["--enable-feature=exemplar-storage,metadata-wal-records"];
    written(&program, &flags, "  protobuf_message: io.prometheus.write.v2.Request\n").await;
}
