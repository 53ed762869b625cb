"""Signed webhook deliveries by background threads, with retries and scripted trouble. Source: Stripe, Webhooks."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.sandbox.stripe.faults import Faults
from marketplace.sandbox.stripe.store import Store

RETRY_MILLISECONDS = (200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
PATIENCE_SECONDS = 20
OK = range(200, 300)


@dataclass
class Target:
    """Where events go and the secret they are signed with."""

    url: str | None
    secret: str


def sign(payload: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 of `t.payload` under the endpoint's secret."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


class Courier:
    """Delivers events in due order from several threads at once, as Stripe does."""

    def __init__(self, store: Store, faults: Faults, target: Target, workers: int = 2) -> None:
        self.store, self.faults, self.target = store, faults, target
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, str, int]] = []
        self._held: list[str] = []
        self._number = itertools.count()
        self._running = 0
        self._stopped = False
        no_proxy = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(no_proxy, _NoRedirect())
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def start(self) -> None:
        """Start the threads; events an earlier process had not delivered go first."""
        self.send(list(self.store.undelivered))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads finish what they are sending; the rest stays undelivered in the log."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()

    def send(self, events: Sequence[str]) -> None:
        """Queue events as the fault script says."""
        if self.target.url is None:
            return
        with self._wake:
            for event in events:
                if self.faults.webhooks.hold:
                    self._held.append(event)
                else:
                    self._queue(event, self.faults.delays())
            self._wake.notify_all()

    def release(self, *, copies: int, shuffle: bool) -> int:
        """Queue all held events, each `copies` times, in seeded random order if `shuffle`; how many deliveries."""
        with self._wake:
            batch = self._held * copies
            self._held = []
            if shuffle:
                self.faults.random.shuffle(batch)
            for event in batch:
                self._queue(event, [0])
            self._wake.notify_all()
            return len(batch)

    def resend(self, event: str, copies: int) -> None:
        """Queue an event again, whether it was delivered, lost or held."""
        with self._wake:
            self._queue(event, [0] * copies)
            self._wake.notify_all()

    def idle(self, seconds: int) -> bool:
        """Wait until nothing is queued or being sent (held and lost events do not count); False when time is up."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._due and not self._running, timeout=seconds)

    def _queue(self, event: str, delays: Sequence[int], attempt: int = 1) -> None:
        for delay in delays:
            entry = (time.monotonic() + delay / 1000, next(self._number), event, attempt)
            heapq.heappush(self._due, entry)
        if not delays:
            self.store.delivered(event, attempt=0, status=None, final=True)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            event, attempt = taken
            status = self._post(event)
            last = status in OK or attempt > len(RETRY_MILLISECONDS)
            self.store.delivered(event, attempt=attempt, status=status, final=last)
            with self._wake:
                if not last:
                    self._queue(event, [RETRY_MILLISECONDS[attempt - 1]], attempt + 1)
                self._running -= 1
                self._wake.notify_all()

    def _take(self) -> tuple[str, int] | None:
        with self._wake:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    _, _, event, attempt = heapq.heappop(self._due)
                    self._running += 1
                    return event, attempt
                self._wake.wait(wait)
        return None

    def _post(self, event: str) -> int | None:
        payload = json.dumps(self.store.objects[event], indent=2, ensure_ascii=False).encode()
        signed_at = int(time.time())  # the receiver compares with the real clock, not with the stand-in's
        request = urllib.request.Request(  # noqa: S310 - the address is given by whoever starts this process
            self.target.url or "",
            data=payload,
            method="POST",
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": sign(payload, self.target.secret, signed_at),
            },
        )
        try:
            with self._opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is a failed delivery: Stripe does not follow any."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None
