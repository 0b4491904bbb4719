// The REST calls of the page.
//
// GET api/v1/traces?limit=50&service=&errorOnly= → {"success": true, "traces": [summary as in the `trace` event]}
// GET api/v1/traces/{id} → {"success": true, "trace": {"traceId", "spans": [
//   {"spanId", "parentSpanId": id|null, "name", "service", "scope", "kind": "server", "startMs", "durationMs",
//    "selfTimeMs", "criticalMs": its own time on the critical path, "onCriticalPath": bool, "status": "unset|ok|error", "statusMessage", "attributes": {key: value},
//    "events": [{"name", "timeMs", "attributes": {}}]}]}}
// Errors: {"success": false, "error": "text", "code": "TRACE_NOT_FOUND"}

const TIMEOUT_MS = 10000;
const CACHE_LIMIT = 80; // traces kept for the small waterfalls
const PARALLEL = 3; // requests for small waterfalls at a time

// What the server or the network said, fit to be shown; `code` is the server's, or NETWORK.
export class ApiError extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function get(path) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new ApiError('The server did not answer.', 'NETWORK');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || !body?.success) {
    throw new ApiError(body?.error ?? `The server answered with status ${response.status}.`, body?.code ?? 'HTTP');
  }
  return body;
}

// Summaries of stored traces, newest first.
export async function listTraces({ limit = 50, service = '', errorOnly = false } = {}) {
  const query = new URLSearchParams({ limit, service, errorOnly });
  return (await get(`api/v1/traces?${query}`)).traces;
}

// One whole trace, always asked anew.
export async function getTrace(id) {
  return (await get(`api/v1/traces/${encodeURIComponent(id)}`)).trace;
}

const cache = new Map(); // id → promise of a trace; the oldest entry goes first
const waiting = [];
let running = 0;

// One whole trace for a preview: kept for a while, few requests at a time, the newest wish first.
export function previewTrace(id) {
  const known = cache.get(id);
  if (known) return known;
  const promise = new Promise((resolve, reject) => waiting.push({ id, resolve, reject }));
  promise.catch(() => cache.delete(id));
  cache.set(id, promise);
  while (cache.size > CACHE_LIMIT) cache.delete(cache.keys().next().value);
  while (waiting.length > CACHE_LIMIT) waiting.shift().reject(new ApiError('No longer wanted.', 'STALE'));
  work();
  return promise;
}

function work() {
  while (running < PARALLEL && waiting.length > 0) {
    const { id, resolve, reject } = waiting.pop();
    running += 1;
    getTrace(id).then(resolve, reject).finally(() => {
      running -= 1;
      work();
    });
  }
}
