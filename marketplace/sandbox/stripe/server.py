"""The HTTP side: a threading server of the standard library that hands each request to the API, page or control."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from marketplace.sandbox.stripe import control, pages
from marketplace.sandbox.stripe.api import Answer, Api, Request

MAX_BODY = 1_000_000
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """One thread per connection; `public_url` is what Checkout links start with (default: as the client says)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], api: Api, public_url: str | None = None, *, quiet: bool = True
    ) -> None:
        super().__init__(address, _Handler)
        self.api = api
        self.public_url = public_url
        self.quiet = quiet


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "LicetSandbox"
    wbufsize = -1  # head and body leave in one packet
    timeout = 120

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        request = self._request(method)
        if request is None:
            self._send(413, "text/plain", b"too large or without length\n", {"Connection": "close"})
            self.close_connection = True
        elif request.path.startswith(pages.PREFIX) and method in {"GET", "POST"}:
            self._page(pages.answer(self.server.api, request))
        elif request.path.startswith(control.PREFIX):
            self._json(control.answer(self.server.api, request))
        else:
            self._json(self.server.api.answer(request))

    def _request(self, method: str) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or self.headers.get("Transfer-Encoding"):
            return None
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        host, port = self.server.server_address[0], self.server.server_address[1]
        base = self.server.public_url or f"http://{headers.get('host') or f'{host!s}:{port}'}"
        return Request(method, url.path, headers, url.query, body, base)

    def _json(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        self._send(answer.status, "application/json", answer.payload(), answer.headers)

    def _page(self, page: pages.Page) -> None:
        headers = dict(SECURITY)
        if page.location is not None:
            headers["Location"] = page.location
        self._send(page.status, "text/html; charset=utf-8", page.html.encode(), headers)

    def _send(self, status: int, kind: str, payload: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(payload)), **headers}.items():
            self.send_header(name, value.encode("latin-1", "replace").decode("latin-1"))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        if not self.server.quiet:
            sys.stderr.write(json.dumps({"http": format % args}) + "\n")
