"""OTLP/HTTP receiver over the official protobuf classes.

Dumps one JSON line per request: path, headers (names in lower case), content_encoding, and body, the
request as protobuf's own JSON mapping: camelCase names, 64-bit integers as strings, bytes as base64.
"""

import argparse
import gzip
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

import peer

SERVICES = {
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
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
        return self.reply(200, "application/x-protobuf", answer)

    def receive(self, body):
        if self.path not in SERVICES:
            raise Refused(404, f"no service at {self.path}")
        if self.headers.get("content-type") != "application/x-protobuf":
            raise Refused(415, "the content type is not application/x-protobuf")
        encoding = self.headers.get("content-encoding")
        if encoding not in (None, "gzip"):
            raise Refused(415, f"content encoding {encoding} is not supported")
        request, response = SERVICES[self.path][0](), SERVICES[self.path][1]()
        try:
            request.ParseFromString(gzip.decompress(body) if encoding else body)
        except (DecodeError, OSError, EOFError, zlib.error) as error:
            raise Refused(400, f"not decodable: {error}") from error
        peer.append(self.dump, {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "content_encoding": encoding,
            "body": MessageToDict(request),
        })
        return response.SerializeToString()

    def reply(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dump", required=True, help="file to append one JSON line per request to")
    Receiver.dump = arguments.parse_args().dump
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    peer.announce(server.server_port)
    peer.end_with_parent()
    server.serve_forever()


if __name__ == "__main__":
    main()
