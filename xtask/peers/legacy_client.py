"""Records spans with a client of Jaeger from before OTLP, and sends them to a receiver.

Usage: legacy_client.py CLIENT HOST PORT, where CLIENT is jaeger-client (datagrams), otel-udp or otel-http. Prints one JSON
object: what it sent, ids in hex and times in nanoseconds as text.
"""

import collections
import collections.abc
import json
import sys
import time

# What jaeger-client imports was moved in Python 3.10.
for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "MutableSequence", "Sequence"):
    setattr(collections, name, getattr(collections.abc, name))

CLIENT, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])


def micros(count):
    return str(count * 1000)


def jaeger_client():
    from jaeger_client import Config
    from jaeger_client.thrift import timestamp_micros
    from opentracing.ext import tags

    settings = {
        "sampler": {"type": "const", "param": 1},
        "local_agent": {"reporting_host": HOST, "reporting_port": PORT, "sampling_port": 1},
        "logging": False,
        "tags": {"region": "eu"},
    }
    tracer = Config(config=settings, service_name="legacy", validate=True).initialize_tracer()
    with tracer.start_span("root", tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_SERVER}) as root:
        for key, value in {"text": "grün", "int": -(2**40), "float": 0.1, "yes": True}.items():
            root.set_tag(key, value)
        root.log_kv({"event": "happened", "k": "v", "n": 1})
        with tracer.start_span("child", child_of=root) as child:
            child.set_tag("error", True)
            child.set_tag(tags.SPAN_KIND, tags.SPAN_KIND_RPC_CLIENT)
    ended = [child, root]

    def value(tag):
        return [tag.vStr, tag.vDouble, tag.vBool, tag.vLong][tag.vType]

    def described(span):
        attributes = {tag.key: value(tag) for tag in span.tags}
        kind = {"server": "SERVER", "client": "CLIENT"}[attributes.pop("span.kind")]
        failed = attributes.pop("error", False)
        events = []
        for log in span.logs:
            fields = {tag.key: value(tag) for tag in log.fields}
            events.append({"name": fields.pop("event"), "time": micros(log.timestamp), "attributes": fields})
        start = timestamp_micros(span.start_time)
        return {
            "traceId": f"{span.trace_id:032x}",
            "spanId": f"{span.span_id:016x}",
            "parentSpanId": f"{span.parent_id:016x}" if span.parent_id else None,
            "name": span.operation_name,
            "kind": kind,
            "start": micros(start),
            "end": micros(start + timestamp_micros(span.end_time - span.start_time)),
            "attributes": attributes,
            "events": events,
            "links": [],
            "status": "ERROR" if failed else "UNSET",
            "message": "",
            "scope": ["", ""],
            "resource": {"service.name": "legacy", **{k: v for k, v in tracer.tags.items()}},
        }

    result = [described(span) for span in ended]
    # Its reporter sends once a second, on a thread of its own.
    time.sleep(2)
    tracer.close()
    time.sleep(1)
    return result


def opentelemetry():
    from opentelemetry.exporter.jaeger.thrift import JaegerExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult, SimpleSpanProcessor
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

    ended = []

    class Together(SpanExporter):
        def export(self, spans):
            ended.extend(spans)
            return SpanExportResult.SUCCESS

    if CLIENT == "otel-http":
        exporter = JaegerExporter(collector_endpoint=f"http://{HOST}:{PORT}/api/traces?format=jaeger.thrift")
    else:
        exporter = JaegerExporter(agent_host_name=HOST, agent_port=PORT)
    provider = TracerProvider(resource=Resource({"service.name": "legacy", "region": "eu"}))
    provider.add_span_processor(SimpleSpanProcessor(Together()))
    tracer = provider.get_tracer("peer-lib", "1.2.3")
    linked = SpanContext(0xABC, 0xDEF, True, TraceFlags(1))
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
        root.set_attributes({"text": "grün", "int": -(2**62), "float": 0.1, "yes": True})
        root.add_event("happened", {"k": "v", "n": 1})
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT, links=[Link(linked)]) as child:
            child.set_status(Status(StatusCode.ERROR, "refused"))
        with tracer.start_as_current_span("second", kind=SpanKind.PRODUCER) as second:
            second.set_status(Status(StatusCode.OK))
    if exporter.export(ended) is not SpanExportResult.SUCCESS:
        sys.exit("the spans were not taken")
    exporter.shutdown()

    def rounded(nanos):
        return (nanos + 500) // 1000

    def described(span):
        start = rounded(span.start_time)
        return {
            "traceId": f"{span.context.trace_id:032x}",
            "spanId": f"{span.context.span_id:016x}",
            "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else None,
            "name": span.name,
            "kind": span.kind.name,
            "start": micros(start),
            "end": micros(start + rounded(span.end_time - span.start_time)),
            # This exporter has the resource in each span, and no more than the service beside them.
            "attributes": {**span.attributes, **span.resource.attributes},
            # It has the name of an event as an attribute of it.
            "events": [
                {"name": "", "time": micros(rounded(e.timestamp)), "attributes": {**e.attributes, "message": e.name}}
                for e in span.events
            ],
            "links": [
                {"traceId": f"{l.context.trace_id:032x}", "spanId": f"{l.context.span_id:016x}", "attributes": {}}
                for l in span.links
            ],
            "status": span.status.status_code.name,
            "message": span.status.description or "",
            "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version],
            "resource": {"service.name": "legacy"},
        }

    return [described(span) for span in ended]


print(json.dumps({"spans": jaeger_client() if CLIENT == "jaeger-client" else opentelemetry()}))
