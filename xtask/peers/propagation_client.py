"""Calls a URL inside a client span of the OpenTelemetry SDK for Python, with its context injected.

The span is exported to nobody: what matters is that the called server joins its trace. Prints one
JSON line: traceId, spanId, status.
"""

import json
import sys
import urllib.request

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider


def main(url):
    tracer = TracerProvider().get_tracer("propagation-peer")
    with tracer.start_as_current_span("call", kind=trace.SpanKind.CLIENT) as span:
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            status = response.status
    context = span.get_span_context()
    print(json.dumps({
        "traceId": trace.format_trace_id(context.trace_id),
        "spanId": trace.format_span_id(context.span_id),
        "status": status,
    }))


if __name__ == "__main__":
    main(sys.argv[1])
