"""What a publisher does: import, attach content, declare claims and splits, offer terms, reserve, state facts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketplace.demo.client import Client, Problem, wait
from marketplace.demo.material import FORMATS, Publisher

TERMS_META = ("key", "period")
KEPT = ("status", "records", "outcomes", "issues_by_code", "refusal")


def publish(client: Client, publisher: Publisher) -> dict[str, Any]:
    """Bring one publisher's parties, catalogue and texts in; what is there already is left as it is. Returns what
    happened: {catalogue, imports, assets}.
    """
    rights = publisher.rights
    for party in rights["parties"]:
        client.post("/v1/parties", party)
    catalogue = _catalogue(client, rights["catalogue"])
    imports = [_import(client, catalogue, path) for path in publisher.files]
    assets = client.send(
        "POST", f"/v1/catalogues/{catalogue}/assets", publisher.archive(), "application/zip"
    )  # fmt: skip
    return {"catalogue": catalogue, "imports": imports, "assets": assets}


def _catalogue(client: Client, wanted: Mapping[str, Any]) -> str:
    for known in client.everything("/v1/catalogues"):
        if known["slug"] == wanted["slug"]:
            return str(known["id"])
    body = {name: wanted[name] for name in ("slug", "name", "role_of_sender", "declarations")}
    return str(client.post("/v1/catalogues", body)["id"])


def _import(client: Client, catalogue: str, path: Path) -> dict[str, Any]:
    """Upload a file in parts, look at the outcome of every record, commit the good ones. A refused file is told."""
    data = path.read_bytes()
    about = {"catalogue": catalogue, "filename": path.name, "format": FORMATS[path.suffix.lower()], "mode": "upsert",
             "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
    try:
        opened = client.post("/v1/imports", about)
    except Problem as refused:  # an empty file, one that is too large
        return {"file": path.name, "refusal": {"code": refused.code, "message": str(refused), "reasons": []}}
    here = f"/v1/imports/{opened['id']}"
    if opened["status"] == "received":
        sent = 0
        for part in opened["parts"]:
            client.send("PUT", part["url"], data[sent : sent + part["bytes"]], "application/octet-stream")
            sent += part["bytes"]
        client.post(f"{here}:complete")
    found = _validated_and_committed(client, here, path.name)
    return {"file": path.name, **{key: found[key] for key in KEPT}}


def _validated_and_committed(client: Client, here: str, name: str) -> dict[str, Any]:
    ended = ("validated", "refused", "committed")
    found = wait(lambda: client.get(here), lambda row: row["status"] in ended, f"the check of {name}")
    if found["status"] == "validated":
        client.post(f"{here}:commit")
        found = wait(lambda: client.get(here), lambda row: row["status"] == "committed", f"the commit of {name}")
    done: dict[str, Any] = found
    return done


def state_rights(editor: Client, finance: Client, publisher: Publisher) -> dict[str, int]:
    """State everything of rights.json: splits and terms by the editor, agreed to by finance, the second person; claims,
    reservations and licences by finance, which may declare them alone. Returns how many of each.

    Every request carries a key made of what it says: after a run that was broken off here the next one goes on.
    """
    rights = publisher.rights
    slug = rights["catalogue"]["slug"]
    claims = [_claim(finance, claim, slug) for claim in rights["claims"]]
    for split in rights["splits"]:
        _agreed(finance, editor.once("/v1/splits", {"claim": claims[split["claim"]], "parts": split["parts"]}))
    terms = {offer["key"]: _terms(editor, finance, offer) for offer in rights["terms"]}
    for assignment in rights["assignments"]:
        body = {"level": assignment["level"], "target": work_ref(assignment["target"], assignment["level"])}
        finance.once(f"/v1/terms/{terms[assignment['terms']]}/assignments", body)
    for reservation in rights["reservations"]:
        _reserve(finance, reservation)
    for licence in rights["open_licences"]:
        _licence(finance, licence)
    for fact in rights["facts"]:
        editor.once("/v1/facts", _fact(fact))
    return {name: len(rights[name]) for name in ("claims", "splits", "terms", "reservations", "open_licences", "facts")}


def work_ref(name: str, level: str = "work") -> str:
    """A work as the API takes it: `isbn:...` as it is, anything else is the sender's own id."""
    return name if level != "work" or re.match(r"[a-z]+:|wrk_", name) else f"own:{name}"


def _claim(client: Client, claim: Mapping[str, Any], slug: str) -> str:
    body = {key: value for key, value in claim.items() if key not in ("works", "kind")}
    whole = claim["works"] == "all"
    body["level"] = "catalogue" if whole else "list"
    body["target"] = slug if whole else [work_ref(name) for name in claim["works"]]
    return str(client.once("/v1/claims", body)["id"])


def _terms(editor: Client, finance: Client, offer: Mapping[str, Any]) -> str:
    body = {key: value for key, value in offer.items() if key not in TERMS_META}
    made = editor.once("/v1/terms", {"key": offer["key"], "body": body})
    _agreed(finance, editor.once(f"/v1/terms/{made['id']}:publish"))
    return str(made["id"])


def _agreed(second: Client, proposal: Mapping[str, Any]) -> None:
    """The second person agrees to what was proposed, and it is done."""
    if proposal["object"] == "proposal":
        second.once(f"/v1/proposals/{proposal['id']}:approve")


def _reserve(client: Client, reservation: Mapping[str, Any]) -> None:
    body = {key: reservation[key] for key in ("kind", "actions", "territories")}
    body |= {"level": reservation["scope"], "target": work_ref(reservation["target"], reservation["scope"])}
    body |= {"signal": reservation["source_signal"], "evidence": {"note": reservation["note"]}}
    client.once("/v1/reservations", body)


def _licence(client: Client, licence: Mapping[str, Any]) -> None:
    level, target = ("imprint", licence["imprint"]) if "imprint" in licence else ("work", licence["works"])
    for name in [target] if isinstance(target, str) else target:
        body = {"level": level, "target": work_ref(name, level), "licence": licence["licence"]}
        body |= {"layer": licence["layer"], "starts": licence["from"], "source": licence["source"]}
        client.once("/v1/open_licences", body)


def _fact(fact: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(fact)
    if "work" in body:
        body["work"] = work_ref(body["work"])
    if body.get("contributor"):
        body["contributor"] = {**body["contributor"], "work": work_ref(body["contributor"]["work"])}
    return body
