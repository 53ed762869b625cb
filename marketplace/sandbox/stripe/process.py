"""Start and stop the stand-in as the separate process that it is: for the demo, the tests and bare commands."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in: its address, and JSON in and out of its control endpoint."""

    url: str
    process: subprocess.Popen[str]

    def get(self, name: str) -> Any:
        """GET /_sandbox/<name>."""
        return self._send(urllib.request.Request(f"{self.url}/_sandbox/{name}"))  # noqa: S310 - our own address

    def post(self, name: str, **values: Any) -> Any:
        """POST /_sandbox/<name> with a JSON object."""
        return self._send(
            urllib.request.Request(  # noqa: S310 - our own address
                f"{self.url}/_sandbox/{name}",
                data=json.dumps(values).encode(),
                headers={"Content-Type": "application/json"},
                method="POST",
            )
        )

    def stop(self) -> None:
        """End the process; what it has not delivered stays in its state file."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _send(self, request: urllib.request.Request) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)


def start(
    *,
    port: int = 0,
    webhook: str | None = None,
    secret: str | None = None,
    state: Path | None = None,
    stderr: IO[bytes] | int | None = None,
) -> StandIn:
    """Start it and wait until it listens (port 0: a free one). RuntimeError when it does not start."""
    command = [sys.executable, "-m", "marketplace.sandbox.stripe", "--port", str(port)]
    if secret is not None:
        command += ["--secret", secret]
    if webhook is not None:
        command += ["--webhook", webhook]
    if state is not None:
        command += ["--state", str(state)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)  # noqa: S603 - our own
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"the Stripe stand-in did not start on port {port} (exit code {process.wait()})")
    return StandIn(json.loads(line)["url"], process)
