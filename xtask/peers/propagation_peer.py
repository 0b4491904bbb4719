"""A service instrumented with the OpenTelemetry SDK for Python. The same calls as `propagation_peer.js`:

GET /extract/FORMAT               what the SDK reads from this request's headers, and the child that it starts
GET /call/FORMAT?url=U&sampled=0  calls U within a client span, with its context injected in this format
GET /plain                        this request's headers, without any SDK
GET /plain?url=U&headers=H        calls U with these headers, without any SDK
"""

import json
import traceback
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.ot_trace import OTTracePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import peer

FORMATS = {
    "w3c": CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]),
    "b3": B3SingleFormat(),
    "b3multi": B3MultiFormat(),
    "jaeger": JaegerPropagator(),
    "xray": AwsXRayPropagator(),
    "ottrace": OTTracePropagator(),
}


class LeadingZeros(RandomIdGenerator):
    """Span ids that begin with zeros, which not every format writes."""

    def generate_span_id(self):
        return super().generate_span_id() >> 8 or 1


class NotRandom(LeadingZeros):
    """Trace ids that are not said to be random: with that flag set, too, `ottrace` of this SDK takes no span for sampled."""

    def is_trace_id_random(self):
        return False


class Headers(dict):
    """A carrier whose names have no case, as a framework's has."""

    def __init__(self, items):
        super().__init__((key.lower(), value) for key, value in items)

    def get(self, key, default=None):
        return super().get(key.lower(), default)


# Follows the caller's decision, as the SDK does by default.
FOLLOWS = TracerProvider(id_generator=LeadingZeros()).get_tracer("propagation-peer")
FOLLOWS_FLAGS_OF_OT_TRACE = TracerProvider(id_generator=NotRandom()).get_tracer("propagation-peer")
SAMPLES_NOTHING = TracerProvider(sampler=ALWAYS_OFF).get_tracer("propagation-peer")


def described(context):
    span = trace.get_current_span(context).get_span_context()
    return {
        "traceId": trace.format_trace_id(span.trace_id),
        "spanId": trace.format_span_id(span.span_id),
        "sampled": span.trace_flags.sampled,
        "baggage": dict(baggage.get_all(context)),
    }


def extract(propagator, headers):
    context = propagator.extract(headers, context=Context())
    child = FOLLOWS.start_span("handle", context=context, kind=trace.SpanKind.SERVER)
    parent = child.parent if child.is_recording() else None
    return {
        **described(context),
        "child": {
            "traceId": trace.format_trace_id(child.get_span_context().trace_id),
            "parentSpanId": parent and trace.format_span_id(parent.span_id),
            "recording": child.is_recording(),
        },
    }


def call(propagator, query):
    follows = FOLLOWS_FLAGS_OF_OT_TRACE if propagator is FORMATS["ottrace"] else FOLLOWS
    tracer = SAMPLES_NOTHING if query.get("sampled") == ["0"] else follows
    context = Context()
    for key, value in json.loads(query.get("baggage", ["{}"])[0]).items():
        context = baggage.set_baggage(key, value, context=context)
    span = tracer.start_span("call", context=context, kind=trace.SpanKind.CLIENT)
    context = trace.set_span_in_context(span, context)
    headers = {}
    propagator.inject(headers, context=context)
    return {**described(context), **send(query["url"][0], headers)}


def send(url, headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return {"status": response.status, "answer": response.read().decode(), "headers": headers}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        action, _, name = url.path.strip("/").partition("/")
        propagator = FORMATS.get(name)
        status = 200
        try:
            query = parse_qs(url.query)
            headers = Headers(self.headers.items())
            if propagator and action == "extract":
                answer = extract(propagator, headers)
            elif propagator and action == "call":
                answer = call(propagator, query)
            elif action == "plain":
                answer = send(query["url"][0], json.loads(query["headers"][0])) if "url" in query else headers
            else:
                status, answer = 404, {"error": f"no call {url.path}"}
        except Exception:
            status, answer = 500, {"error": traceback.format_exc()}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    peer.announce(server.server_port)
    peer.end_with_parent()
    server.serve_forever()


if __name__ == "__main__":
    main()
