"""The HTTP interface of ClickHouse, over the engine as the Python package chdb brings it.

The engine is ClickHouse's own; only the server around it is ours: requests one after another, query, parameters and
settings of the URL, gzip, users by header, and errors with their number. What it does not have: formats of answers
other than the one that the query names, sessions, and inserts that the server collects.
"""

import argparse
import gzip
import http.server
import re
import tempfile
import threading
import urllib.parse

import peer
from chdb import session

_lock = threading.Lock()
# What the URL holds that is no setting.
_OPTIONS = {"query", "database", "default_format", "wait_end_of_query", "user", "password", "decompress", "compress"}
# Settings of inserts that are handed on; what concerns the server alone is not.
_SETTINGS = {"insert_deduplication_token"}


class Shim(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        url = urllib.parse.urlparse(self.path)
        options = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        body = self.body()
        if url.path == "/ping":
            return self.answer(200, b"Ok.\n")
        if self.server.password is not None and self.headers.get("X-ClickHouse-Key") != self.server.password:
            return self.fail("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")
        try:
            with _lock:
                answer = self.run(options, body)
        except Exception as error:  # The engine throws plain exceptions.
            return self.fail(str(error))
        self.answer(200, answer)

    def run(self, options, body):
        engine = self.server.engine
        engine.query("USE " + options.get("database", "default"))
        query, data = options.get("query", ""), body
        if not query:
            query, data = body.decode(), b""
        if self.server.dump:
            names = sorted(set(options) - {"query"})
            peer.append(self.server.dump, {"query": query[:100], "bytes": len(data), "options": names})
        parameters = {k[6:]: v for k, v in options.items() if k.startswith("param_")}
        unknown = [k for k in options if k not in _OPTIONS and not k.startswith(("param_", "async_", "wait_"))]
        settings = {k: options[k] for k in unknown if k in _SETTINGS}
        if not data:
            form = re.search(r"\bFORMAT\s+(\w+)\s*;?\s*$", query)
            name = form.group(1) if form else options.get("default_format", "TabSeparated")
            text = query[: form.start()] if form else query
            result = engine.query(text, name, params=parameters) if parameters else engine.query(text, name)
            return result.bytes() if result is not None and result.size() else b""
        # Rows travel to the engine as a file in the format that the query names.
        head, form = re.fullmatch(r"(.*?)\s*\bFORMAT\s+(\w+)\s*;?\s*", query, re.DOTALL).groups()
        given = ", ".join(f"{k} = '{v}'" for k, v in settings.items() if re.fullmatch(r"\w+", v))
        head = re.sub(r"\s+SETTINGS\s+.*$", "", head, flags=re.DOTALL)
        with tempfile.NamedTemporaryFile(suffix=".bin") as rows:
            rows.write(data)
            rows.flush()
            with_settings = f"SETTINGS {given} " if given else ""
            engine.query(f"{head} FROM INFILE '{rows.name}' {with_settings}FORMAT {form}", "TabSeparated")
        return b""

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def fail(self, text):
        code = re.search(r"Code: (\d+)", text)
        headers = {"X-ClickHouse-Exception-Code": code.group(1)} if code else {}
        self.answer(500, text.encode(), headers)

    def answer(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name in headers:
            self.send_header(name, headers[name])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="the folder of the engine's tables")
    parser.add_argument("--dump", help="a file that gets one JSON line a request")
    parser.add_argument("--password", help="what X-ClickHouse-Key must be")
    arguments = parser.parse_args()
    peer.end_with_parent()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shim)
    server.engine, server.dump, server.password = session.Session(arguments.data), arguments.dump, arguments.password
    peer.announce(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main()
