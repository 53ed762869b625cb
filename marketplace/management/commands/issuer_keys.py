"""Make or revoke issuer keys and write the trust file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import unit as units
from accounts.errors import Refused
from accounts.unit import Actor
from licensing.grants import keys
from licensing.outside import signing


class Command(BaseCommand):
    help = "Make what is missing of the root, test and live issuer keys; print fingerprints; write the trust file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trust", type=Path, help="write the trust file here")
        parser.add_argument("--revoke", metavar="ID", help="end this key; needs the root key, and a reason")
        parser.add_argument("--reason", choices=signing.REASONS, default="superseded", help="why the key ends")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor("command", scope="all", roles=frozenset({"system"}))
        try:
            with units.unit(actor):
                if options["revoke"]:
                    keys.revoke(key_id=options["revoke"], reason=options["reason"], actor=actor, at=units.now())
                made = keys.create(actor=actor, at=units.now())
                trust = keys.trust()
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if options["trust"]:
            options["trust"].write_bytes(trust)
        known = [
            {"id": key.key_id, "livemode": key.livemode, "fingerprint": fingerprint(key.key_id),
             "revoked_at": key.record["revoked_at"]}
            for key in made
        ]  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps({"keys": known, "root": json.loads(trust)["root"]}))
            return
        for key in known:
            ended = f"  revoked {key['revoked_at']}" if key["revoked_at"] else ""
            self.stdout.write(f"{'live' if key['livemode'] else 'test'}  {key['fingerprint']}  {key['id']}{ended}")
        self.stdout.write(f"The root key lies in {keys.folder() / keys.ROOT}: move it offline.")


def fingerprint(key_id: str) -> str:
    """Hex SHA-256 of the public key: what people compare."""
    return signing.fingerprint(signing.public_key_of(key_id))
