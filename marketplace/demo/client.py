"""A small HTTP client of the API: what any customer could write with the standard library."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

PATIENCE_SECONDS = 300.0


class Problem(Exception):
    """An answer of 400 or more, with the API's own words."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        reasons = "; ".join(
            " ".join(str(item[key]) for key in ("pointer", "message", "seen", "expected") if item.get(key))
            for item in body.get("errors", [])
        )
        said = f"{status} {body.get('code')} at {body.get('instance')}: {body.get('detail')} {reasons}"
        super().__init__(said.strip())
        self.status = status
        self.code = str(body.get("code"))
        self.body = body


class Client:
    """Speaks to one installation with one key."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        self.key = key

    def get(self, path: str, **query: str) -> Any:
        """GET; the decoded answer."""
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        return json.loads(self.raw("GET", path + suffix)[1])

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, idem: str = "") -> Any:
        """POST JSON; `idem` makes a repetition return the first answer."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": idem} if idem else {})
        data = json.dumps(body or {}).encode()
        return json.loads(self.raw("POST", path, data, headers)[1] or b"{}")

    def once(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST JSON that must have its effect once however often it is sent: the key is the hash of the body."""
        return self.post(path, body, idem=hashlib.sha256(json.dumps(body or {}, sort_keys=True).encode()).hexdigest())

    def send(self, method: str, path: str, data: bytes, media_type: str, *, idem: str = "") -> Any:
        """Send bytes as they are."""
        headers = {"Content-Type": media_type} | ({"Idempotency-Key": idem} if idem else {})
        return json.loads(self.raw(method, path, data, headers)[1] or b"{}")

    def everything(self, path: str, **query: str) -> list[Any]:
        """All rows of a list, page by page."""
        rows: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, limit="100", **query, **({"cursor": cursor} if cursor else {}))
            rows += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    def raw(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One request: (status, body, headers). Raises Problem for 400 and above."""
        address = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(address, data, dict(headers or {}), method=method)  # noqa: S310  # our own address
        if self.key and address.startswith(self.url):
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with _direct.open(request, timeout=120) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as wrong:
            raise Problem(wrong.code, _problem(wrong.read())) from None


# No proxy of the environment stands between us and this machine's own ports.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("error"), dict):  # Stripe's shape
        return {"code": found["error"].get("code"), "detail": found["error"].get("message")}
    return found if isinstance(found, dict) else {"code": "not_json", "detail": body[:300].decode(errors="replace")}


def wait(ask: Callable[[], Any], until: Callable[[Any], bool], what: str) -> Any:
    """Ask again until the answer is the awaited one. Raises TimeoutError naming `what` after five minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = 0.05
    while True:
        answer = ask()
        if until(answer):
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE_SECONDS:.0f} seconds: {answer}")
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)
