// Live state of the page: one EventSource, bounded history, reconnect.
//
// The contract with the server. Times are milliseconds since epoch as floats and durations are milliseconds, except
// where RFC3339 is written. Unknown fields are ignored; every event carries one JSON object.
//
// GET api/v1/live (text/event-stream). On connect the server sends `history`, then the open and recent anomalies and
// alerts and the latest 20 traces as the events below, then:
//
//   tick, every second: {
//     "time": ms, "service": "mplp-demo",
//     "requests": {"count": n, "errors": n, "p50Ms": x|null, "p95Ms": x|null, "p99Ms": x|null},
//                                     server spans that ended in that second
//     "operations": [{"series": "svc/op", "kind": "internal", "count": n, "errors": n,
//                     "p50Ms": x, "p95Ms": x, "selfP50Ms": x}],        last 60 s, top 20 by total self time
//     "pipeline": {"recorded": n, "open": n, "dropped": {"buffer_full": n},
//                  "destinations": [{"name": "memory", "received": n, "delivered": n, "pending": n,
//                                    "dropped": {"reason": n}}]},
//     "health": {"overall": "healthy|degraded|unhealthy", "score": 100,
//                "components": {"tracing": {"status": "healthy", "dropped": 0, "lastError": null,
//                               "checks": [{"name", "status": "pass|warn|fail", "message"}]}}}}
//   history, once on connect: {"ticks": [{"time", "requests"}]}        the last 300 at most
//   trace, when one completes (about 5 a second at most):
//     {"traceId", "rootName", "service", "startMs", "durationMs", "spanCount", "errorCount"}
//   anomaly (the same id again is an update):
//     {"id", "detectedAt": RFC3339, "window": [RFC3339, RFC3339], "kind": "performance_degradation",
//      "severity": "high", "score", "confidence": 0.97, "detector": "isolation_forest", "series": "svc/op",
//      "affected": [{"name": "self_time_ms", "expected": x, "band": [low, high], "observed": x,
//                    "deviationPercent": x, "contribution": 0.9}],
//      "reason": "sentence", "exemplar": {"traceId", "spanId"}|null,
//      "state": {"status": "open|acknowledged|resolved", "at"?: RFC3339}}
//   alert (the same alert.id again is an update):
//     {"alert": {"id", "type": "anomaly_detected", "severity", "status": "firing|resolved", "message", "labels": {},
//                "annotations": {}, "workflowId": s|null, "trace": {"traceId"}|null, "anomaly": id|null,
//                "error": s|null, "raisedAt": RFC3339},
//      "fingerprint": "hex", "state": "active|acknowledged|resolved|suppressed", "occurrences": n,
//      "lastRaisedAt": RFC3339,
//      "deliveries": [{"channel": "console", "outcome": "pending|delivered|failed|suppressed",
//                      "at"?, "attempts"?, "error"?, "last_error"?, "reason"?}]}
//
// GET api/v1/traces and api/v1/traces/{id}: see api.js.

import { signal, batch } from './lib.js';
import { toMs } from './format.js';

const LIMITS = { ticks: 300, traces: 60, anomalies: 50, alerts: 50 };
const SILENCE_MS = 6000; // no event for so long (ticks come every second) means the connection is dead
const RETRY_MS = { first: 1000, most: 15000 };

export const ticks = signal([]); // oldest first: {time, requests, spanRate}
export const tick = signal(null); // the latest, whole
export const traces = signal([]); // newest first, as are the next two
export const anomalies = signal([]);
export const alerts = signal([]);
// state: connecting | live | lost; retryAt: Date.now() of the next try, while lost
export const connection = signal({ state: 'connecting', retryAt: null });

let source = null;
let retryTimer = null;
let failures = 0;
let lastEventAt = 0;

const handlers = {
  history({ ticks: past }) {
    if (Array.isArray(past)) ticks.value = past.slice(-LIMITS.ticks);
  },
  tick(next) {
    const before = tick.value;
    const seconds = before ? (next.time - before.time) / 1000 : 0;
    const spans = (next.pipeline?.recorded ?? 0) - (before?.pipeline?.recorded ?? 0);
    // A counter that went down belongs to a restarted server: its rate is unknown for one tick.
    const spanRate = seconds > 0 && spans >= 0 ? spans / seconds : null;
    const last = ticks.value.at(-1);
    const kept = last && last.time >= next.time ? ticks.value.filter((t) => t.time < next.time) : ticks.value;
    batch(() => {
      tick.value = { ...next, spanRate };
      ticks.value = [...kept, { time: next.time, requests: next.requests }].slice(-LIMITS.ticks);
    });
  },
  trace(summary) {
    if (!summary.traceId) return;
    traces.value = upsert(traces.value, summary, (t) => t.traceId, (t) => t.startMs + t.durationMs, LIMITS.traces);
  },
  anomaly(anomaly) {
    if (!anomaly.id) return;
    anomalies.value = upsert(anomalies.value, anomaly, (a) => a.id, (a) => toMs(a.detectedAt), LIMITS.anomalies);
  },
  alert(record) {
    if (!record.alert?.id) return;
    const when = (r) => toMs(r.lastRaisedAt) ?? toMs(r.alert.raisedAt);
    alerts.value = upsert(alerts.value, record, (r) => r.alert.id, when, LIMITS.alerts);
  },
};

// The list with `item` in place of its older version, newest first, cut to `limit`.
function upsert(list, item, key, time, limit) {
  const id = key(item);
  const others = list.filter((each) => key(each) !== id);
  return [item, ...others].sort((a, b) => (time(b) ?? 0) - (time(a) ?? 0)).slice(0, limit);
}

// Opens the stream and keeps it open; a stream that ends, fails or falls silent is opened anew with growing pauses.
export function connect() {
  clearTimeout(retryTimer);
  source?.close();
  lastEventAt = Date.now();
  const stream = new EventSource(new URL('api/v1/live', document.baseURI));
  source = stream;
  stream.onopen = () => {
    if (stream !== source) return;
    failures = 0;
    lastEventAt = Date.now();
    batch(() => {
      // The server sends its current lists again, and it may have been restarted: what it no longer knows goes.
      traces.value = [];
      anomalies.value = [];
      alerts.value = [];
      connection.value = { state: 'live', retryAt: null };
    });
  };
  stream.onerror = () => {
    if (stream === source) retry();
  };
  for (const [name, handle] of Object.entries(handlers)) {
    stream.addEventListener(name, (event) => {
      if (stream !== source) return;
      lastEventAt = Date.now();
      try {
        handle(JSON.parse(event.data));
      } catch (error) {
        console.warn(`event "${name}" was not understood and is left out`, error);
      }
    });
  }
}

function retry() {
  source?.close();
  source = null;
  const pause = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** failures) * (0.8 + 0.4 * Math.random());
  failures += 1;
  connection.value = { state: 'lost', retryAt: Date.now() + pause };
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, pause);
}

setInterval(() => {
  if (source && Date.now() - lastEventAt > SILENCE_MS) retry();
}, 1000);
