"""The journey in order, one line of progress a step, and its summary."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from marketplace.demo import auditing, buying, members, publishing, story
from marketplace.demo.client import Client
from marketplace.demo.material import CHECKOUT, Material, MaterialError

Tell = Callable[[str], None]


class Journey:
    """One run: from empty organisations to verified data. `tell` gets a line per step."""

    def __init__(self, *, url: str, stripe_url: str, folder: Path, material: Material, tell: Tell) -> None:
        self.url, self.stripe_url, self.folder = url, stripe_url, folder
        self.material, self.tell = material, tell
        self.began = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self.ring = members.KeyRing(folder)

    def run(self) -> dict[str, Any]:
        """Do everything; returns the summary and writes it to summary.json."""
        operator = Client(self.url, members.found_house(self.material.operator, self.ring))
        self.step("The house is founded: operator, auditor, issuer keys, fee")
        catalogues, publishers = self.publish(operator)
        developer = members.join(operator, self.material.developer, self.ring)["developer_admin"]
        cleared = buying.clear(developer, self.material.use, catalogues)
        counts = cleared.clearance["counts"]
        self.step(f"Asked for {cleared.bundle['works_count']} works: {listed(counts) or 'none to decide'}")
        for line in story.refusals(developer, cleared.clearance["id"]):
            self.tell(f"{'':11}{line}")
        if not counts["cleared"]:
            raise MaterialError("No work is cleared, so there is nothing to buy: the reasons are above.")
        quote, order = buying.order(developer, cleared.clearance["id"])
        self.step(f"Quoted and ordered: {money(quote['total'])}, of it fee {money(quote['fee_contained'])}")
        summary = {"works": cleared.bundle["works_count"], "decisions": counts,
                   "reasons": cleared.clearance["reasons"], "quote_total_minor": quote["total"]["amount"]}  # fmt: skip
        summary |= self._pay_and_receive(developer, order["id"])
        summary |= self._audit(operator, publishers, order["id"])
        summary["seconds"] = round(time.monotonic() - self.began, 1)
        (self.folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        return summary

    def step(self, text: str) -> None:
        """Say that a step is done, with the time since the beginning."""
        self.tell(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def publish(self, operator: Client) -> tuple[list[str], list[Client]]:
        """Bring in every publisher: catalogues first, then rights, since one may claim a work of another."""
        staffs, found = [], []
        for publisher in self.material.publishers:
            staff = members.join(operator, publisher.rights, self.ring)
            done = publishing.publish(staff["publisher_editor"], publisher)
            for file in done["imports"]:
                self.step(f"{publisher.slug}: {file['file']}, {imported(file)}")
            self.step(f"{publisher.slug}: {attached(done['assets'])}")
            staffs.append(staff)
            found.append(done)
        for publisher, staff, done in zip(self.material.publishers, staffs, found, strict=True):
            if done["catalogue"] not in self.ring.stated:
                stated = publishing.state_rights(staff["publisher_editor"], staff["publisher_finance"], publisher)
                self.ring.stated.append(done["catalogue"])
                self.ring.save()
                self.step(f"{publisher.slug}: {listed(stated)}")
        return [done["catalogue"] for done in found], [staff["publisher_finance"] for staff in staffs]

    def _pay_and_receive(self, developer: Client, order: str) -> dict[str, Any]:
        buying.pay_by_card(developer, order, self.stripe_url)
        grant = buying.granted(developer, order)
        payments = developer.get(f"/v1/orders/{order}/payment")["data"]
        certificate = developer.raw("GET", f"/v1/grants/{grant['id']}/certificate")[1]
        verdict = Client(self.url).send("POST", "/v1/certificates:verify", certificate, "application/json")
        self.step(f"Paid; grant {grant['id']}, certificate {verdict['status']}")
        release = buying.released(developer, grant["id"])
        place = self.folder / "releases" / release["id"]
        size = buying.download(developer, release["id"], place)
        trust = self.folder / "trust.json"
        trust.write_bytes(Client(self.url).raw("GET", "/.well-known/licet-trust.json")[1])
        checked = verify(place, trust)
        self.step(f"Downloaded {size:,} bytes; licet-verify: {checked['trust']}, {checked['checked']['rows']} rows")
        return {
            "payment_status": payments[0]["status"], "grant_verified": bool(verdict["ok"]),
            "release_rows": checked["checked"]["rows"], "release_verified": bool(checked["ok"]),
        }  # fmt: skip

    def _audit(self, operator: Client, publishers: list[Client], order: str) -> dict[str, Any]:
        auditor_mail = next(m["email"] for m in self.material.operator["members"] if "auditor" in m["roles"])
        auditor = Client(self.url, self.ring.keys[auditor_mail])
        run = auditing.allocated(auditor, order)
        cent = auditing.explain_one_cent(auditor, run["id"])
        pool = money({"amount": int(run["pool_micro"]) // 1_000_000, "currency": "usd"})
        self.step(f"Divided {pool} over {run['rows']} shares; one cent computed again: {same(cent['equal'])}")
        difference = 0
        for client in publishers:
            for party in client.everything("/v1/parties"):
                statement, _ = auditing.draft_statement(client, party["id"])
                difference += abs(int(statement["control"]["difference"]))
        books = auditing.books(auditor)
        off = ", ".join(f"{value} {currency}" for currency, value in books["imbalance"].items())
        self.step(f"Draft statements drawn up, off by {difference}; ledger off by {off}")
        return {
            "allocation_difference_micro": int(run["pool_micro"]) - int(run["allocated_micro"]),
            "ledger_imbalance": sum(abs(int(value)) for value in books["imbalance"].values()),
            "statement_difference": difference,
        }  # fmt: skip


def verify(folder: Path, trust: Path) -> dict[str, Any]:
    """Run licet-verify over a release folder, offline, in a process of its own."""
    command = [sys.executable, "-m", "client.verify", str(folder), "--trust", str(trust), "--test", "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)  # noqa: S603  # our own module
    if not done.stdout.strip():
        raise RuntimeError(f"licet-verify said nothing: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def listed(counts: Mapping[str, int]) -> str:
    """`3 claims, 1 split` of a table of counts, without what is not there."""
    one = {"claims": "claim", "splits": "split", "reservations": "reservation", "facts": "fact",
           "open_licences": "open licence", "records without text": "record without text"}  # fmt: skip
    return ", ".join(
        f"{number} {(one.get(name, name) if number == 1 else name).replace('_', ' ')}"
        for name, number in counts.items() if number
    )  # fmt: skip


def imported(file: Mapping[str, Any]) -> str:
    """What became of a catalogue file."""
    if file["refusal"]:
        reasons = file["refusal"]["reasons"]
        where = f" at {reasons[0]['pointer']}" if reasons and reasons[0]["pointer"] else ""
        return f"refused whole: {file['refusal']['code']}{where}, {file['refusal']['message']}"
    issues = f"; {listed(file['issues_by_code'])}" if file["issues_by_code"] else ""
    return f"{file['records']} records: {listed(file['outcomes']) or file['status']}{issues}"


def attached(report: Mapping[str, Any]) -> str:
    """What became of the content files."""
    lost = len(report["unmatched"])
    said = {"attached": report["attached"], "there already": report["unchanged"], "records without text":
            len(report["missing"]), "files without a record": lost, "refused": len(report["refused"])}  # fmt: skip
    names = f" ({', '.join([*report['unmatched'], *report['refused']][:5])})" if lost or report["refused"] else ""
    return f"texts: {listed(said) or 'none'}{names}"


def same(equal: bool) -> str:
    """Of two results that must be one."""
    return "the same" if equal else "DIFFERENT"


def money(amount: Mapping[str, Any]) -> str:
    """Minor units as people read them; the demo's currencies have two digits."""
    return f"{amount['amount'] // 100}.{amount['amount'] % 100:02d} {amount['currency'].upper()}"


def good(summary: Mapping[str, Any]) -> bool:
    """Whether a run ended as it must: paid, granted, verified, everything zero."""
    zero = ("allocation_difference_micro", "ledger_imbalance", "statement_difference")
    return (
        summary["payment_status"] == "captured" and summary["grant_verified"] and summary["release_verified"]
        and not any(summary[name] for name in zero)
    )  # fmt: skip
