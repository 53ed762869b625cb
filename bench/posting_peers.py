"""Peers of `bench/posting.py`: each in an environment of its own, beside us on the same server, asked line by line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from django.conf import settings

from bench import harness, peers

HORDAK = "django-hordak==2.0.0"
REQUIREMENTS = (HORDAK, "Django==5.2.19", "psycopg[binary]==3.3.9")
SCHEMA = "bench_hordak"

Peer = Callable[[int, int], float]
"""(commits, entries per commit) -> CPU seconds of the peer's program and backend together."""

# Its documented way: a Transaction and its Legs in one atomic block; in batches by bulk_create, the fastest it offers.
_HORDAK = """
import json, os, sys, time
from datetime import date
from pathlib import Path
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": json.loads(sys.argv[1])}, SECRET_KEY="bench", USE_TZ=True, DEFAULT_CURRENCY="USD",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"], CURRENCIES=["USD"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", LANGUAGE_CODE="en",
)
django.setup()
from django.core.management import call_command
from django.db import connection, transaction
from hordak.models import Account, Leg, Transaction
from moneyed import Money
call_command("migrate", verbosity=0)
types = ("AS", "LI", "IN", "LI")
accounts = [Account.objects.create(name=t, code=str(n), type=t, currencies=["USD"]) for n, t in enumerate(types, 1)]
DAY, MOVES = date(2026, 3, 10), (("debit", 120), ("credit", 20), ("credit", 10), ("credit", 90))
MOVES = [(account, {side: Money(amount, "USD")}) for account, (side, amount) in zip(accounts, MOVES)]
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    pid = cursor.fetchone()[0]
def cpu():
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
def post(size):
    with transaction.atomic():
        if size == 1:
            made = Transaction.objects.create(date=DAY, description="grant")
            for account, move in MOVES:
                Leg.objects.create(transaction=made, account=account, **move)
        else:
            made = Transaction.objects.bulk_create(Transaction(date=DAY, description="grant") for _ in range(size))
            Leg.objects.bulk_create(Leg(transaction=one, account=a, **m) for one in made for a, m in MOVES)
post(1)
print("ready", flush=True)
for line in sys.stdin:
    commits, size = map(int, line.split())
    began = cpu()
    for _ in range(commits):
        post(size)
    print(cpu() - began, flush=True)
"""


@contextmanager
def hordak() -> Iterator[Peer | None]:
    """django-hordak with tables of its own in our database; None when it cannot be installed."""
    interpreter = peers.python("hordak", REQUIREMENTS)
    if interpreter is None:
        yield None
        return
    with harness.connect("owner") as owner:
        owner.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        owner.execute(f"CREATE SCHEMA {SCHEMA}")
        owner.commit()
        try:
            with _asked([str(interpreter), "-c", _HORDAK, json.dumps(_database())]) as peer:
                yield peer
        finally:
            owner.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
            owner.commit()


def _database() -> dict[str, object]:
    found = settings.DATABASES["owner"]
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    return {
        "ENGINE": "django.db.backends.postgresql", **{name: found[name] for name in names},
        "OPTIONS": {"options": f"-c search_path={SCHEMA}"},
    }  # fmt: skip


@contextmanager
def _asked(command: list[str]) -> Iterator[Peer]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asking, answering = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

        def peer(commits: int, size: int) -> float:
            asking.write(f"{commits} {size}\n")
            asking.flush()
            return float(answering.readline())

        harness.gate(answering.readline().strip() == "ready", "the peer did not start")
        yield peer
        asking.close()
