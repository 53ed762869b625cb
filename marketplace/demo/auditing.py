"""What an auditor does: recompute the division, read the books, explain one cent, draw up a draft statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.demo.client import Client, wait


def allocated(auditor: Client, order_id: str) -> Mapping[str, Any]:
    """Wait until the order's payment is divided; the run with its sums."""

    def ask() -> Any:
        return next(iter(auditor.get("/v1/allocation_runs", order=order_id)["data"]), None)

    found: Mapping[str, Any] = wait(ask, lambda row: row is not None and row["output_hash"], "the allocation")
    return found


def books(auditor: Client) -> Mapping[str, Any]:
    """The verdict over the whole ledger."""
    found: Mapping[str, Any] = auditor.get("/v1/ledger/verification")
    return found


def explain_one_cent(auditor: Client, run: str) -> Mapping[str, Any]:
    """Take the first allocation of a run and have it recomputed from its frozen inputs."""
    row = auditor.get("/v1/allocations", run=run, limit="1")["data"][0]
    found: Mapping[str, Any] = auditor.get(
        "/v1/allocations/explain", run=run, work=row["work"], payee=row["payee"]
    )
    return found


def draft_statement(publisher: Client, payee: str) -> tuple[Mapping[str, Any], bytes]:
    """A payee's draft over the running month, as JSON and CSV from one row generator."""
    made = publisher.post("/v1/statements", {"payee": payee, "currency": "usd"})
    as_csv = publisher.raw("GET", f"/v1/statements/{made['id']}.csv")[1]
    return made, as_csv
