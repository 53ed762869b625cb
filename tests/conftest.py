"""Fixtures every test may use: real PostgreSQL and Redis, one clone per worker, own clones for what commits.

`db` (or the mark django_db): a rollback test in this worker's clone, as the role licet_app.
`lived_in`: rollback tests of one module in a clone where their common world was made once.
`committed`: a database, Redis number and file folder of its own; for commits, threads and real processes.
`owner_connection`: psycopg as licet_owner on the database the test uses.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings as django_settings
from django.db import connections
from hypothesis import settings as hypothesis_settings
from kombu import pools
from psycopg.pq import TransactionStatus
from pytest_django import DjangoDbBlocker, Settings

from marketplace import embedded, env
from marketplace.celery import app as celery_app
from marketplace.embedded.redis import DATABASES as REDIS_NUMBERS
from tests.support import databases
from tests.support.databases import Committed, LivedIn
from tests.support.guarded.base import unguarded

_WORKER = int((os.environ.get("PYTEST_XDIST_WORKER") or "gw0").removeprefix("gw"))
#: Redis numbers of one worker: number 0 of the block for rollback tests, the others in turn for `committed`.
_BLOCK = 8


# A busy machine is no fault of the code: no test fails for the time it took (pytest-timeout ends what hangs).
hypothesis_settings.register_profile("licet", deadline=None)
hypothesis_settings.load_profile("licet")

_turn = itertools.cycle(range(1, _BLOCK))


def _redis_number() -> int:
    """A Redis number no other running test uses: each worker has a block of its own."""
    return (_WORKER * _BLOCK + next(_turn)) % REDIS_NUMBERS


@contextmanager
def _broker(redis_url: str) -> Iterator[None]:
    """Doorbells of this process ring at `redis_url` inside; pooled connections are forgotten on both ends."""
    before = celery_app.conf.broker_url
    try:
        _ring_at(env.broker(redis_url))
        yield
    finally:
        _ring_at(before)


def _ring_at(address: str) -> None:
    celery_app.conf.broker_url = address
    pools.reset()
    celery_app._after_fork()  # the one place where Celery forgets the pool it holds


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests are made now and stay until the end: nobody looks for garbage among them, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


#: Begun at once, one per worker: the first makes the template of all databases, the others need none meanwhile.
_FIRST = ("journeys/test_demo.py", "properties/test_clearing.py", "client/test_verify_release.py")
#: Where the long files are: none of them is begun when the other workers are about to be done.
_LONG = ("journeys", "properties", "marketplace")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """File after file, long ones first."""
    items.sort(key=_order)


def _order(item: pytest.Item) -> tuple[bool, int, str]:
    path = item.path.as_posix()
    long = next((place for place, folder in enumerate(_LONG) if folder in item.path.parts), len(_LONG))
    return not path.endswith(_FIRST), long, path


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.Servers]:
    """The embedded servers of the tests, shared by all workers; the last one to leave stops them."""
    with embedded.ensure(django_settings.VAR) as running:
        yield running


@pytest.fixture(scope="session")
def template(servers: embedded.Servers, django_db_blocker: DjangoDbBlocker) -> str:
    """Name of the migrated template database."""
    with django_db_blocker.unblock():
        return databases.template(servers)


@pytest.fixture(scope="session")
def django_db_setup(
    servers: embedded.Servers, template: str, django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Takes the place of pytest-django's: a clone of the template instead of a database Django makes."""
    with databases.clone(servers, template) as name, django_db_blocker.unblock(), databases.pointed_at(name):
        yield


@pytest.fixture(scope="module")
def lived_in(
    servers: embedded.Servers,
    template: str,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LivedIn]:
    """A clone for the rollback tests of one module, or for a server they only read from; its books balance at the end.

    For an autouse fixture of the module: all its tests have to find the same, whichever of them comes first. Objects
    that were made with it outlive a test: hand out copies.
    """
    folder = tmp_path_factory.mktemp("lived_in")
    with databases.clone(servers, template) as name, databases.pointed_at(name):
        yield LivedIn(_own(servers, name, folder), django_db_blocker.unblock)
        with django_db_blocker.unblock():
            _books_balance()


@pytest.fixture
def committed(
    request: pytest.FixtureRequest,
    servers: embedded.Servers,
    template: str,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    settings: Settings,
    tmp_path: Path,
) -> Iterator[Committed]:
    """A clone of its own. Never together with `db`: a rollback test sees nothing of what others commit."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        raise pytest.UsageError("a test takes either `committed` or `db`, not both")
    with databases.clone(servers, template) as name:
        made = _own(servers, name, tmp_path)
        settings.REDIS_URL = made.redis_url
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": made.redis_url}}
        settings.STORAGE_URL = made.files.as_uri()
        with django_db_blocker.unblock(), databases.pointed_at(name), _broker(made.redis_url):
            yield made


def _own(servers: embedded.Servers, name: str, folder: Path) -> Committed:
    """Where database `name` and an empty Redis number are; files in `folder`."""
    redis_url = servers.redis_url.replace("db=0", f"db={_redis_number()}")
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return Committed(
        name=name,
        database_url=databases.renamed(servers.database_url, name),
        owner_url=databases.renamed(servers.owner_url, name),
        superuser_url=databases.renamed(servers.superuser_url, name),
        redis_url=redis_url,
        files=folder / "files",
        folder=folder,
    )


@pytest.fixture(autouse=True)
def own_files(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> None:
    """Each test stores files in a folder of its own: some of them damage what they find there."""
    settings.STORAGE_URL = (tmp_path / "files").as_uri()
    if "lived_in" in request.fixturenames:
        made = request.getfixturevalue("lived_in").own.files
        if made.is_dir():
            shutil.copytree(made, tmp_path / "files")


@pytest.fixture(autouse=True)
def books_balance(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test with a database the lines of each currency sum to zero, but where a test tampers with them."""
    real = next((name for name in ("committed", "db") if name in request.fixturenames), None)
    if request.node.get_closest_marker("django_db"):
        real = "db"
    if real is None or request.node.get_closest_marker("tampers"):
        yield
        return
    request.getfixturevalue(real)
    yield
    connection = connections["default"]
    session = connection.connection
    broken = session is not None and session.info.transaction_status == TransactionStatus.INERROR
    if connection.needs_rollback or broken:
        return
    _books_balance()


def _books_balance() -> None:
    with unguarded(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT currency_id, sum(amount) FROM licensing_ledgerline GROUP BY 1 HAVING sum(amount) <> 0")
        assert cursor.fetchall() == []


@pytest.fixture
def owner_connection(
    request: pytest.FixtureRequest, servers: embedded.Servers, django_db_setup: None
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """psycopg as licet_owner, rolled back at the end unless the test commits (only with `committed`)."""
    if "committed" in request.fixturenames:
        request.getfixturevalue("committed")
    name = str(connections.databases["owner"]["NAME"])
    with psycopg.connect(databases.renamed(servers.owner_url, name)) as connection:
        yield connection
        connection.rollback()
