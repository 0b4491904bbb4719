"""OTLP receiver over the official protobuf classes: HTTP with protobuf and JSON, and gRPC.

Dumps one JSON line per request: path, headers (names in lower case), content_encoding, and body, the
request as protobuf's own JSON mapping: camelCase names, 64-bit integers as strings, bytes as base64.
"""

import argparse
import base64
import gzip
import json
import zlib
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

import peer

SERVICES = {
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
    "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
}


class Refused(Exception):
    """A request that is answered with an error: its HTTP status and why."""


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dump = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            answer = self.receive(body)
        except Refused as refused:
            status, why = refused.args
            return self.reply(status, "text/plain", why.encode())
        return self.reply(200, self.headers["content-type"], answer)

    def receive(self, body):
        if self.path not in SERVICES:
            raise Refused(404, f"no service at {self.path}")
        content_type = self.headers.get("content-type")
        if content_type not in ("application/x-protobuf", "application/json"):
            raise Refused(415, f"the content type {content_type} is not supported")
        encoding = self.headers.get("content-encoding")
        if encoding not in (None, "gzip"):
            raise Refused(415, f"content encoding {encoding} is not supported")
        request, response = SERVICES[self.path][0](), SERVICES[self.path][1]()
        try:
            body = gzip.decompress(body) if encoding else body
            if content_type == "application/json":
                ParseDict(with_base64_ids(json.loads(body)), request)
            else:
                request.ParseFromString(body)
        except (DecodeError, ParseError, OSError, EOFError, ValueError, zlib.error) as error:
            raise Refused(400, f"not decodable: {error}") from error
        peer.append(self.dump, {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "content_encoding": encoding,
            "body": MessageToDict(request),
        })
        return b'{"partialSuccess":null}' if content_type == "application/json" else response.SerializeToString()

    def reply(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def with_base64_ids(value):
    """OTLP writes ids in hex, which is all that protobuf's own reader of JSON does not know; names of enums it forbids."""
    if isinstance(value, list):
        return [with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    for name in ("kind", "code", "aggregationTemporality", "severityNumber"):
        if isinstance(value.get(name), str):
            raise Refused(400, f"{name} is a name, not a number")
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else with_base64_ids(item)
        for name, item in value.items()
    }


class Export(traces_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer, logs_grpc.LogsServiceServicer):
    """All services, told apart by what they are sent."""

    def Export(self, request, context):
        path = next(path for path, (kind, _) in SERVICES.items() if isinstance(request, kind))
        peer.append(Receiver.dump, {
            "path": path,
            "headers": dict(context.invocation_metadata()),
            "content_encoding": None,
            "body": MessageToDict(request),
        })
        return SERVICES[path][1]()


def serve_grpc(port):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    traces_grpc.add_TraceServiceServicer_to_server(Export(), server)
    metrics_grpc.add_MetricsServiceServicer_to_server(Export(), server)
    logs_grpc.add_LogsServiceServicer_to_server(Export(), server)
    if server.add_insecure_port(f"127.0.0.1:{port}") != port:
        raise SystemExit(f"port {port} is taken")
    server.start()
    return server


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dump", required=True, help="file to append one JSON line per request to")
    arguments.add_argument("--grpc-port", type=int, required=True, help="port for gRPC")
    arguments = arguments.parse_args()
    Receiver.dump = arguments.dump
    grpc_server = serve_grpc(arguments.grpc_port)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    peer.announce(server.server_port)
    peer.end_with_parent()
    server.serve_forever()
    grpc_server.stop(0)


if __name__ == "__main__":
    main()
