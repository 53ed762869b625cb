"""What a developer does: look around, clear, quote, order, pay, receive the grant and the data."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.demo.client import Client, wait

HALF_OPEN = 2  # a download is broken off at one half and resumed by Range


@dataclass(frozen=True, slots=True)
class Cleared:
    """A decided clearance as the API shows it."""

    bundle: Mapping[str, Any]
    clearance: Mapping[str, Any]


def clear(client: Client, use: Mapping[str, Any], catalogues: Sequence[str]) -> Cleared:
    """Declare the use, select the catalogues' works, decide every one of them."""
    profile = client.post("/v1/uses", use)
    bundle = client.post("/v1/bundles", {"title": "Demo bundle", "query": {"catalogues": list(catalogues)}})
    asked = {"use": profile["id"], "bundle": bundle["id"], "currency": "usd"}
    started = client.post("/v1/clearances", asked)
    name = started["subject"] if started["object"] == "job" else started["id"]  # many works are decided by a job
    here = f"/v1/clearances/{name}"
    decided = wait(lambda: client.get(here), lambda row: row["status"] != "deciding", "the clearance")
    return Cleared(bundle, decided)


def order(client: Client, clearance: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Freeze a quote and accept it; the same key again would return the same order."""
    quote = client.post("/v1/quotes", {"clearance": clearance}, idem=f"quote-{clearance}")
    placed = client.post("/v1/orders", {"quote": quote["id"]}, idem=f"order-{quote['id']}")
    return quote, placed


def pay_by_card(client: Client, order_id: str, stripe_url: str) -> Mapping[str, Any]:
    """Begin a PaymentIntent and confirm it at Stripe (the stand-in), as the buyer's browser would."""
    path = f"/v1/orders/{order_id}/payment"
    payment: Mapping[str, Any] = client.post(path, {"method": "payment_intent"}, idem=f"pay-{order_id}")
    confirm(client, payment, stripe_url)
    return payment


def pay_by_checkout(client: Client, order_id: str) -> Mapping[str, Any]:
    """Begin a Checkout page and fill it in as the buyer would; the page leads back to the success address."""
    asked = {"method": "checkout", "success_url": f"{client.url}/", "cancel_url": f"{client.url}/certificates"}
    payment: Mapping[str, Any] = client.post(f"/v1/orders/{order_id}/payment", asked, idem=f"pay-{order_id}")
    form = urllib.parse.urlencode({"email": "buyer@licet.example", "card": "4242 4242 4242 4242", "act": "pay"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    client.raw("POST", payment["hosted_url"], form.encode(), headers)
    return payment


def confirm(client: Client, payment: Mapping[str, Any], stripe_url: str) -> None:
    """Give Stripe a card for a begun PaymentIntent, as Stripe's own page elements would."""
    form = urllib.parse.urlencode({"payment_method": "pm_card_visa", "return_url": client.url})
    headers = {"Authorization": "Bearer sk_test_local", "Content-Type": "application/x-www-form-urlencoded"}
    client.raw("POST", f"{stripe_url}/v1/payment_intents/{payment['stripe_id']}/confirm", form.encode(), headers)


def granted(client: Client, order_id: str) -> Mapping[str, Any]:
    """Wait until the paid order is a grant; the workers do it."""
    here = f"/v1/orders/{order_id}"
    done = wait(lambda: client.get(here), lambda row: row["grant"] is not None, "the grant")
    grant: Mapping[str, Any] = client.get(f"/v1/grants/{done['grant']}")
    return grant


def released(client: Client, grant: str) -> Mapping[str, Any]:
    """Wait until the release of a grant is ready."""

    def ask() -> Any:
        return next(iter(client.get("/v1/releases", grant=grant)["data"]), None)

    found: Mapping[str, Any] = wait(
        ask, lambda row: row is not None and row["status"] in ("ready", "blocked"), "the release"
    )
    return found


def download(client: Client, release: str, into: Path) -> int:
    """Fetch every file of a release by signed links; the largest is broken off and resumed. Returns the bytes."""
    files = client.everything(f"/v1/releases/{release}/files")
    links = {row["path"]: row["url"] for row in client.get(f"/v1/releases/{release}/links")["data"]}
    largest = max(files, key=lambda file: int(file["bytes"]))
    for file in files:
        place = into / file["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_fetch(client, links[file["path"]], int(file["bytes"]), split=file is largest))
    return sum(int(file["bytes"]) for file in files)


def _fetch(client: Client, url: str, size: int, *, split: bool) -> bytes:
    if not split or size < HALF_OPEN:
        return client.raw("GET", url)[1]
    half = size // HALF_OPEN
    first = client.raw("GET", url, headers={"Range": f"bytes=0-{half - 1}"})[1]
    status, rest, _ = client.raw("GET", url, headers={"Range": f"bytes={half}-"})
    if status != 206:
        raise ValueError(f"a resumed download was answered {status}, not 206")
    return first + rest
