"""A small HTTP server that keeps the webhooks it gets and answers as told."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from licensing.payments import gateway

SECRET = "whsec_receiver"


class Receiver:
    """`events`: verified events in order of arrival; `statuses`: answers to give first, then 200."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = gateway.verify_event(body, self.headers["Stripe-Signature"], [SECRET])
                self.send_response(receiver.take(event))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/stripe"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def take(self, event: dict[str, Any]) -> int:
        """Keep an event; the status to answer."""
        with self.lock:
            status = self.statuses.pop(0) if self.statuses else 200
            (self.events if status == 200 else self.refused).append(event)
            return status

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
