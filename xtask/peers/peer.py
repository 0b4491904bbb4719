"""What the peers share: their announcement, their dump file, their end."""

import json
import os
import sys
import threading

_lock = threading.Lock()


def announce(port):
    """Prints the line that `cargo xtask integration` waits for."""
    print(f"listening on 127.0.0.1:{port}", flush=True)


def append(path, record):
    """Appends one JSON line; a reader never sees half of it unless it reads within the write."""
    line = json.dumps(record, ensure_ascii=False) + "\n"
    with _lock, open(path, "a", encoding="utf-8") as dump:
        dump.write(line)


def end_with_parent():
    """Ends this process when standard input closes, so that no peer outlives the suite that started it."""

    def wait():
        while sys.stdin.buffer.read(1024):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
