"""Logs with the OpenTelemetry SDK for Python, and exports over OTLP.

Usage: otlp_log_client.py PROTOCOL ENDPOINT COMPRESSION, where PROTOCOL is grpc or http/protobuf and COMPRESSION is none
or gzip. Prints one JSON object: what it logged, ids in hex.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

PROTOCOL, ENDPOINT, COMPRESSION = sys.argv[1:]


def exporter():
    if PROTOCOL == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

        compression = grpc.Compression.Gzip if COMPRESSION == "gzip" else grpc.Compression.NoCompression
        return OTLPLogExporter(endpoint=ENDPOINT, insecure=True, compression=compression)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    compression = Compression.Gzip if COMPRESSION == "gzip" else Compression.NoCompression
    return OTLPLogExporter(endpoint=f"{ENDPOINT}/v1/logs", compression=compression)


RECORDS = [
    (SeverityNumber.INFO, "INFO", "grün", {"text": "a", "int": -(2**62), "float": 0.1, "yes": True, "texts": ["a", "b"]}, None),
    (SeverityNumber.ERROR2, "bad", {"nested": {"list": [1, "x", 2.5]}, "ok": False}, {"map": {"k": [1, 2]}}, "card.declined"),
    (None, None, None, {}, None),
]


def main():
    provider = LoggerProvider(resource=Resource.create({"service.name": "python-logger"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter()))
    logger = provider.get_logger("peer-logger", "1.2.3")
    said = []
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        context = span.get_span_context()
        for number, (severity, text, body, attributes, name) in enumerate(RECORDS):
            record = LogRecord(
                timestamp=1_760_000_000_000_000_000 + number,
                observed_timestamp=1_760_000_000_000_000_100 + number,
                severity_number=severity,
                severity_text=text,
                body=body,
                attributes=attributes,
                event_name=name,
                context=trace.set_span_in_context(span),
            )
            logger.emit(record)
            said.append({
                "time": record.timestamp,
                "observed": record.observed_timestamp,
                "severity": severity.value if severity else 0,
                "text": text or "",
                "body": body,
                "attributes": attributes,
                "event": name or "",
                "traceId": f"{context.trace_id:032x}",
                "spanId": f"{context.span_id:016x}",
                "flags": int(context.trace_flags),
                "scope": ["peer-logger", "1.2.3"],
            })
    provider.shutdown()
    print(json.dumps({"records": said}))


main()
