"""Records spans with the OpenTelemetry SDK for Python, and sends them with its exporter for Zipkin.

Usage: zipkin_client.py URL. Prints one JSON object: what it sent, ids in hex and times in nanoseconds as text. Zipkin knows
texts alone, so values are texts; those of events are JSON.
"""

import json
import sys

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

ENDED = []


class Together(SpanExporter):
    """Keeps what ended, and exports it in one request."""

    def export(self, spans):
        ENDED.extend(spans)
        return SpanExportResult.SUCCESS


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def rounded(nanos):
    return (nanos + 500) // 1000 * 1000


def described(span):
    start = rounded(span.start_time)
    return {
        "traceId": f"{span.context.trace_id:032x}",
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "start": str(start),
        "end": str(start + rounded(span.end_time - span.start_time)),
        # This exporter repeats the resource in each span.
        "attributes": {k: text(v) for k, v in {**span.attributes, **span.resource.attributes}.items()},
        "events": [
            {"name": e.name, "time": str(rounded(e.timestamp)), "attributes": dict(e.attributes)} for e in span.events
        ],
        "links": [],
        "status": span.status.status_code.name,
        "message": span.status.description or "",
        "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version],
        "resource": {"service.name": "zipkin-client"},
    }


exporter = ZipkinExporter(endpoint=sys.argv[1])
provider = TracerProvider(resource=Resource({"service.name": "zipkin-client", "region": "eu"}))
provider.add_span_processor(SimpleSpanProcessor(Together()))
tracer = provider.get_tracer("peer-lib", "1.2.3")
with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
    root.set_attributes({"text": "grün", "int": -(2**62), "float": 0.1, "yes": True})
    root.add_event("happened", {"k": "v", "n": 1})
    with tracer.start_as_current_span("child", kind=SpanKind.CLIENT) as child:
        child.set_status(Status(StatusCode.ERROR, "refused"))
    with tracer.start_as_current_span("second", kind=SpanKind.PRODUCER) as second:
        second.set_status(Status(StatusCode.OK))
if exporter.export(ENDED) is not SpanExportResult.SUCCESS:
    sys.exit("the spans were not taken")
print(json.dumps({"spans": [described(span) for span in ENDED]}))
