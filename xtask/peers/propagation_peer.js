// A service instrumented with the OpenTelemetry SDK for Node.js. The same calls as `propagation_peer.py`:
//
// GET /extract/FORMAT               what the SDK reads from this request's headers, and the child that it starts
// GET /call/FORMAT?url=U&sampled=0  calls U within a client span, with its context injected in this format
// GET /plain                        this request's headers, without any SDK
// GET /plain?url=U&headers=H        calls U with these headers, without any SDK
"use strict";

const http = require("node:http");
const { ROOT_CONTEXT, SpanKind, TraceFlags, defaultTextMapGetter, defaultTextMapSetter, propagation, trace } =
  require("@opentelemetry/api");
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require("@opentelemetry/core");
const { AWSXRayPropagator } = require("@opentelemetry/propagator-aws-xray");
const { B3InjectEncoding, B3Propagator } = require("@opentelemetry/propagator-b3");
const { JaegerPropagator } = require("@opentelemetry/propagator-jaeger");
const { OTTracePropagator } = require("@opentelemetry/propagator-ot-trace");
const { AlwaysOffSampler, BasicTracerProvider, RandomIdGenerator } = require("@opentelemetry/sdk-trace-base");

const FORMATS = {
  w3c: new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  }),
  b3: new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
  b3multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: new JaegerPropagator(),
  xray: new AWSXRayPropagator(),
  ottrace: new OTTracePropagator(),
};

// Span ids that begin with zeros, which not every format writes.
class LeadingZeros extends RandomIdGenerator {
  constructor() {
    super();
    const random = this.generateSpanId;
    this.generateSpanId = () => `00${random().slice(2, 15)}1`;
  }
}

// Follows the caller's decision, as the SDK does by default.
const follows = new BasicTracerProvider({ idGenerator: new LeadingZeros() }).getTracer("propagation-peer");
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
  return { ...described(context), ...(await send(query.get("url"), headers)) };
}

async function send(url, headers) {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
  return { status: response.status, answer: await response.text(), headers };
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
    else if (action === "plain" && url.searchParams.has("url"))
      answer = await send(url.searchParams.get("url"), JSON.parse(url.searchParams.get("headers")));
    else if (action === "plain") answer = request.headers;
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
