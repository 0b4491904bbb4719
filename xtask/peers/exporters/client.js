// Records spans with the OpenTelemetry SDK for JavaScript and exports them over OTLP.
//
// Usage: client.js PROTOCOL ENDPOINT COMPRESSION, where PROTOCOL is grpc, http/protobuf or http/json, and COMPRESSION is
// none or gzip. Prints one JSON object: what it recorded.

const { SpanKind, SpanStatusCode, context, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider } = require("@opentelemetry/sdk-trace-base");

const [protocol, endpoint, compression] = process.argv.slice(2);
const module_of = { "grpc": "grpc", "http/protobuf": "proto", "http/json": "http" }[protocol];
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${module_of}`);
const url = protocol === "grpc" ? endpoint : `${endpoint}/v1/traces`;
const exporter = new OTLPTraceExporter({ url, compression });

// Keeps what ended, so that it is exported in one request.
const ended = [];
const keep = {
  onStart() {},
  onEnd(span) {
    ended.push(span);
  },
  shutdown: async () => {},
  forceFlush: async () => {},
};
const resource = resourceFromAttributes({ "service.name": "node-client", "peer.number": 7 });
const provider = new BasicTracerProvider({ resource, spanProcessors: [keep] });
const tracer = provider.getTracer("peer-lib", "1.2.3");

const root = tracer.startSpan("root", { kind: SpanKind.SERVER });
root.setAttributes({ text: "grün", int: -1234567, float: 0.1, yes: true, texts: ["a", ""], ints: [1, 2] });
root.addEvent("happened", { k: "v", n: 1 });
const inside = trace.setSpan(context.active(), root);
const linked = { traceId: "00000000000000000000000000000abc", spanId: "0000000000000def", traceFlags: 1 };
const links = [{ context: linked, attributes: { why: "batch" } }];
const child = tracer.startSpan("child", { kind: SpanKind.CLIENT, links }, inside);
child.setStatus({ code: SpanStatusCode.ERROR, message: "refused" });
child.end();
const second = tracer.startSpan("second", { kind: SpanKind.PRODUCER }, inside);
second.setStatus({ code: SpanStatusCode.OK });
second.end();
root.end();

// As text: a number of JavaScript is too small for nanoseconds.
const nanos = ([seconds, rest]) => `${BigInt(seconds) * 1000000000n + BigInt(rest)}`;

const described = (span) => ({
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId ?? null,
  name: span.name,
  kind: SpanKind[span.kind],
  start: nanos(span.startTime),
  end: nanos(span.endTime),
  attributes: span.attributes,
  events: span.events.map((e) => ({ name: e.name, time: nanos(e.time), attributes: e.attributes ?? {} })),
  links: span.links.map((l) => ({
    traceId: l.context.traceId,
    spanId: l.context.spanId,
    attributes: l.attributes ?? {},
  })),
  status: SpanStatusCode[span.status.code],
  message: span.status.message ?? "",
  scope: [span.instrumentationScope.name, span.instrumentationScope.version],
  service: span.resource.attributes["service.name"],
});

exporter.export(ended, async (result) => {
  if (result.code !== 0) {
    console.error("the spans were not taken", result.error);
    process.exit(1);
  }
  await exporter.shutdown();
  console.log(JSON.stringify({ spans: ended.map(described) }));
});
