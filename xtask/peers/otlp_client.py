"""Records spans and metrics with the OpenTelemetry SDK for Python, and exports them over OTLP.

Usage: otlp_client.py PROTOCOL ENDPOINT COMPRESSION, where PROTOCOL is grpc or http/protobuf and COMPRESSION is none or
gzip. Prints one JSON object: what it recorded, ids in hex.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult, SpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

PROTOCOL, ENDPOINT, COMPRESSION = sys.argv[1:]


def exporters():
    if PROTOCOL == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        compression = grpc.Compression.Gzip if COMPRESSION == "gzip" else grpc.Compression.NoCompression
        options = {"endpoint": ENDPOINT, "insecure": True, "compression": compression}
        return OTLPSpanExporter(**options), OTLPMetricExporter(**options)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    compression = Compression.Gzip if COMPRESSION == "gzip" else Compression.NoCompression
    return (
        OTLPSpanExporter(endpoint=f"{ENDPOINT}/v1/traces", compression=compression),
        OTLPMetricExporter(endpoint=f"{ENDPOINT}/v1/metrics", compression=compression),
    )


class Together(SpanExporter):
    """Keeps what ended, and exports it in one request."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


def plain(attributes):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in (attributes or {}).items()}


def described(span):
    return {
        "traceId": f"{span.context.trace_id:032x}",
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "start": span.start_time,
        "end": span.end_time,
        "attributes": plain(span.attributes),
        "events": [{"name": e.name, "time": e.timestamp, "attributes": plain(e.attributes)} for e in span.events],
        "links": [
            {"traceId": f"{l.context.trace_id:032x}", "spanId": f"{l.context.span_id:016x}", "attributes": plain(l.attributes)}
            for l in span.links
        ],
        "status": span.status.status_code.name,
        "message": span.status.description or "",
        "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version],
        "service": span.resource.attributes["service.name"],
    }


def main():
    span_exporter, metric_exporter = exporters()
    resource = Resource.create({"service.name": "python-client", "peer.number": 7})
    together = Together()
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(together))
    tracer = provider.get_tracer("peer-lib", "1.2.3")
    linked = SpanContext(0xABC, 0xDEF, True, TraceFlags(1))
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
        root.set_attributes({"text": "grün", "int": -(2**62), "float": 0.1, "yes": True, "texts": ["a", ""], "ints": [1, 2]})
        root.add_event("happened", {"k": "v", "n": 1})
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT, links=[Link(linked, {"why": "batch"})]) as child:
            child.set_status(Status(StatusCode.ERROR, "refused"))
        with tracer.start_as_current_span("second", kind=SpanKind.PRODUCER) as second:
            second.set_status(Status(StatusCode.OK))
    if span_exporter.export(together.spans) is not SpanExportResult.SUCCESS:
        sys.exit("the spans were not taken")
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
    meters = MeterProvider(metric_readers=[reader], resource=resource)
    meter = meters.get_meter("peer-meter")
    meter.create_counter("requests", unit="1").add(41, {"route": "/a"})
    meter.create_histogram("duration", unit="s").record(0.25, {"route": "/a"})
    if not meters.force_flush():
        sys.exit("the metrics were not taken")
    print(json.dumps({"spans": [described(span) for span in together.spans]}))


main()
