"""An HTTP server on this machine that misbehaves as it is told."""

import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dagen.datasets.upkeep import addresses

SHORT, SILENT, BUSY, NO_RANGE, PAGE, DEAF = "short", "silent", "busy", "no range", "page", "deaf"


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``faults`` of a path are used up one a request, oldest first.

    ``SHORT`` breaks off in the middle of what was announced, ``SILENT`` ends early without having
    announced a length, ``BUSY`` answers 503, ``NO_RANGE`` sends everything whatever was asked,
    ``PAGE`` sends a page of HTML, ``DEAF`` answers nothing until ``hear`` is set, a number is
    answered as a status, and an address redirects there.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.requests: Counter[str] = Counter()
        self.ranges: list[tuple[str, str]] = []
        self.hear = threading.Event()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, path = self.server, self.path
        server.requests[path] += 1
        fault = server.faults[path].pop(0) if server.faults[path] else ""
        if fault.startswith(("http:", "/")):
            self.send_response(302)
            self.send_header("Location", fault)
            self.end_headers()
            return
        if fault.isdigit():
            self.send_error(int(fault))
            return
        if fault == DEAF:
            server.hear.wait(60)
            return
        if path not in server.files:
            self.send_error(404)
            return
        if fault == BUSY:
            self.send_error(503)
            return
        if fault == PAGE:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<html>this photo is no longer available</html>")
            return
        content, start = server.files[path], 0
        if (asked := self.headers.get("Range")) and fault != NO_RANGE:
            server.ranges.append((path, asked))
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            end = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        if fault != SILENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault in (SHORT, SILENT) else body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server while the block lasts; the test is skipped where no port can be opened.

    Meanwhile 127.0.0.1 counts as a public address, and only that one.
    """
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "*")  # this machine is not behind anybody's proxy
    try:
        server = Server()
        socket.create_connection(server.server_address[:2], timeout=5).close()  # type: ignore[arg-type]
    except OSError as error:
        pytest.skip(f"no port can be opened on 127.0.0.1 ({error})")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.hear.set()
        server.shutdown()
        thread.join()
        server.server_close()
