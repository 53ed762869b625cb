"""`python -m marketplace.sandbox.stripe --port P --webhook URL --secret whsec_... [--state FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from marketplace.sandbox.stripe.api import Api
from marketplace.sandbox.stripe.faults import Faults
from marketplace.sandbox.stripe.objects import API_VERSION
from marketplace.sandbox.stripe.server import Server
from marketplace.sandbox.stripe.store import Store
from marketplace.sandbox.stripe.webhooks import Courier, Target


def refusal(environ: Mapping[str, str]) -> str | None:
    """Why this process must not run here: a production environment or a live key; None when it may."""
    if environ.get("LICET_ENV", "").strip().lower() == "production":
        return "LICET_ENV is production"
    if environ.get("STRIPE_API_KEY", "").strip().startswith(("sk_live_", "rk_live_")):
        return "STRIPE_API_KEY is a live key"
    return None


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m marketplace.sandbox.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--public-url", help="what links to the hosted page start with")
    parser.add_argument("--webhook", help="where events are posted")
    parser.add_argument("--secret", default="whsec_sandbox", help="what they are signed with")
    parser.add_argument("--state", type=Path, help="truth log; state survives a restart with the same file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="threads that deliver webhooks")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; prints one JSON line with the address once it listens."""
    reason = refusal(os.environ)
    if reason is not None:
        sys.stderr.write(f"The Stripe stand-in does not run in production: {reason}.\n")
        return 2
    given = arguments(argv)
    store, faults = Store(given.state), Faults(given.seed)
    courier = Courier(store, faults, Target(given.webhook, given.secret), given.workers)
    try:
        server = Server(
            (given.host, given.port), Api(store, faults, courier), given.public_url, quiet=not given.verbose
        )
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {given.host}:{given.port}: {error.strerror}.\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    courier.start()
    address = f"http://{given.host}:{server.server_address[1]}"
    sys.stdout.write(json.dumps({"ready": True, "url": address, "api_version": API_VERSION}) + "\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    courier.stop()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
