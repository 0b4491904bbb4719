"""Mock of a Slack incoming webhook that enforces Slack's rules (see slack_rules.py).

Answers as Slack does: `ok`, or an error word as plain text, or 429 with Retry-After. Dumps one JSON
line per request: path, headers (names in lower case), status, answer, why (null when accepted), and
body (the decoded JSON, or null when it is none).
"""

import argparse
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import peer
from slack_rules import Invalid, check

WEBHOOK = re.compile(r"/services/T\w+/B\w+/\w+")
RETRY_AFTER_SECONDS = 1
# Clocks of two processes; a client that waits the second must not fail by a millisecond.
TOLERANCE_SECONDS = 0.05


class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dump = None
    throttle_next = False
    closed_until = 0.0

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        status, answer, why = self.judge(body)
        peer.append(self.dump, {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "status": status,
            "answer": answer,
            "why": why,
            "body": body,
        })
        if why:
            print(f"{status} {answer}: {why}", flush=True)
        self.reply(status, answer)

    def judge(self, body):
        """The status, the answer, and why it is not `ok`."""
        if not WEBHOOK.fullmatch(self.path):
            return 404, "no_service", f"no webhook at {self.path}"
        if throttled():
            answer = json.dumps({"retry_after": RETRY_AFTER_SECONDS, "ok": False, "error": "rate_limited"})
            return 429, answer, "throttled"
        content_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != "application/json":
            return 400, "invalid_payload", f"the content type is {content_type!r}"
        try:
            check(body)
        except Invalid as invalid:
            word, why = invalid.args
            return 400, word, why
        return 200, "ok", None

    def reply(self, status, answer):
        body = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
        self.end_headers()
        self.wfile.write(body)


def throttled():
    """True for the first request if asked for, and for all that come before Retry-After is over."""
    now = time.monotonic()
    if Webhook.throttle_next:
        Webhook.throttle_next = False
        Webhook.closed_until = now + RETRY_AFTER_SECONDS - TOLERANCE_SECONDS
    return now < Webhook.closed_until


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dump", required=True, help="file to append one JSON line per request to")
    arguments.add_argument("--throttle-first", action="store_true", help="answer the first request with 429")
    options = arguments.parse_args()
    Webhook.dump, Webhook.throttle_next = options.dump, options.throttle_first
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    peer.announce(server.server_port)
    peer.end_with_parent()
    server.serve_forever()


if __name__ == "__main__":
    main()
