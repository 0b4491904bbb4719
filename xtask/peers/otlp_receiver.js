// OTLP/HTTP receiver over the official generated types for Node.js, protobuf and JSON.
//
// Dumps one JSON line per request to the file that is named by the first argument, as `otlp_receiver.py` does: path,
// headers, content_encoding, and body in protobuf's own JSON form.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const zlib = require("node:zlib");

// The package does not export its generated types by a name.
const transformer = path.join(process.env.NODE_PATH, "@opentelemetry/otlp-transformer");
const { opentelemetry } = require(path.join(transformer, "build/src/generated/root.js"));
const { trace, metrics } = opentelemetry.proto.collector;

const SERVICES = {
  "/v1/traces": trace.v1.ExportTraceServiceRequest,
  "/v1/metrics": metrics.v1.ExportMetricsServiceRequest,
};
const FORM = { longs: String, enums: String, bytes: String, json: true };

// OTLP writes ids in hex, which protobuf's reader of JSON does not know.
function withBase64Ids(value) {
  if (Array.isArray(value)) return value.map(withBase64Ids);
  if (value === null || typeof value !== "object") return value;
  const ids = ["traceId", "spanId", "parentSpanId"];
  const entry = ([name, item]) =>
    [name, ids.includes(name) ? Buffer.from(item, "hex").toString("base64") : withBase64Ids(item)];
  return Object.fromEntries(Object.entries(value).map(entry));
}

function decode(service, type, body) {
  if (type === "application/x-protobuf") return service.decode(body);
  if (type !== "application/json") throw new Error(`content type ${type}`);
  return service.fromObject(withBase64Ids(JSON.parse(body)));
}

function receive(request, body) {
  const { "content-type": type, "content-encoding": encoding = null } = request.headers;
  const service = SERVICES[request.url];
  if (!service) throw new Error(`no service at ${request.url}`);
  const message = decode(service, type, encoding === "gzip" ? zlib.gunzipSync(body) : body);
  const record = {
    path: request.url,
    headers: request.headers,
    content_encoding: encoding,
    body: service.toObject(message, FORM),
  };
  fs.appendFileSync(process.argv[2], `${JSON.stringify(record)}\n`);
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      receive(request, Buffer.concat(parts));
      response.setHeader("content-type", request.headers["content-type"]);
      response.end(request.headers["content-type"] === "application/json" ? "{}" : "");
    } catch (error) {
      response.writeHead(400, { "content-type": "text/plain" }).end(String(error));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
// Ends when standard input closes, so that no peer outlives the suite that started it.
process.stdin.on("end", () => process.exit(0)).resume();
