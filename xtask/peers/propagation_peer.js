// A service instrumented with the OpenTelemetry SDK for Node.js. The same calls as `propagation_peer.py`:
//
// GET /extract/FORMAT               what the SDK reads from this request's headers, and the child that it starts
// GET /call/FORMAT?url=U&sampled=0  calls U within a client span, with its context injected in this format
"use strict";

const http = require("node:http");
const { ROOT_CONTEXT, SpanKind, TraceFlags, defaultTextMapGetter, defaultTextMapSetter, propagation, trace } =
  require("@opentelemetry/api");
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require("@opentelemetry/core");
const { B3InjectEncoding, B3Propagator } = require("@opentelemetry/propagator-b3");
const { JaegerPropagator } = require("@opentelemetry/propagator-jaeger");
const { AlwaysOffSampler, BasicTracerProvider } = require("@opentelemetry/sdk-trace-base");

const FORMATS = {
  w3c: new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  }),
  b3: new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
  b3multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: new JaegerPropagator(),
};

// Follows the caller's decision, as the SDK does by default.
const follows = new BasicTracerProvider().getTracer("propagation-peer");
const samplesNothing = new BasicTracerProvider({ sampler: new AlwaysOffSampler() }).getTracer("propagation-peer");

function described(context) {
  const { traceId, spanId, traceFlags } = trace.getSpanContext(context) ?? {};
  const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
  return {
    traceId,
    spanId,
    sampled: Boolean(traceFlags & TraceFlags.SAMPLED),
    baggage: Object.fromEntries(entries.map(([key, entry]) => [key, entry.value])),
  };
}

function extract(format, headers) {
  const context = format.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const child = follows.startSpan("handle", { kind: SpanKind.SERVER }, context);
  return {
    ...described(context),
    child: {
      traceId: child.spanContext().traceId,
      parentSpanId: child.parentSpanContext?.spanId,
      recording: child.isRecording(),
    },
  };
}

async function call(format, query) {
  const tracer = query.get("sampled") === "0" ? samplesNothing : follows;
  const entries = JSON.parse(query.get("baggage") ?? "{}");
  const baggage = propagation.createBaggage(
    Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }])),
  );
  const span = tracer.startSpan("call", { kind: SpanKind.CLIENT }, ROOT_CONTEXT);
  const context = propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, span), baggage);
  const headers = {};
  format.inject(context, headers, defaultTextMapSetter);
  const response = await fetch(query.get("url"), { headers, signal: AbortSignal.timeout(10_000) });
  const answer = await response.text();
  return { ...described(context), status: response.status, answer, headers };
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const [, action, name] = url.pathname.split("/");
  const format = FORMATS[name];
  let status = 200;
  let answer;
  try {
    if (format && action === "extract") answer = extract(format, request.headers);
    else if (format && action === "call") answer = await call(format, url.searchParams);
    else [status, answer] = [404, { error: `no call ${url.pathname}` }];
  } catch (error) {
    [status, answer] = [500, { error: `${error.stack} ${error.cause ?? ""}` }];
  }
  const body = Buffer.from(JSON.stringify(answer));
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length });
  response.end(body);
});

server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
// No peer outlives the suite that started it.
process.stdin.on("end", () => process.exit(0)).resume();
