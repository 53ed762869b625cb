"""What production depends on; the queue's settings are asserted in tests/licensing/jobs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from marketplace import env
from marketplace.embedded.place import CHECKOUT


def test_nobody_anonymous_has_rights_and_passwords_are_argon2() -> None:
    assert settings.ANONYMOUS_USER_NAME is None
    assert "Argon2" in settings.PASSWORD_HASHERS[0]
    assert settings.DEBUG is False


PRODUCTION = {
    "DATABASE_URL": "postgresql://licet_app:s%20t@db.example:5433/licet?sslmode=require",
    "REDIS_URL": "redis://cache.example:6379/0",
    "SECRET_KEY": "k" * 30 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "licet.example",
}


def _production(command: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LICET_VAR") if name in os.environ}
    wanted = {name: value for name, value in {**PRODUCTION, **changed}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=CHECKOUT,
        env={**kept, **wanted},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_passes_the_deployment_check() -> None:
    done = _production("check --deploy --fail-level WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "REDIS_URL"])
def test_production_does_not_start_without(name: str) -> None:
    done = _production("check", **{name: None})
    assert done.returncode != 0
    assert f"Set the environment variable {name}" in done.stderr


def test_a_database_address_is_taken_apart() -> None:
    found = env.database("DATABASE_URL", PRODUCTION["DATABASE_URL"])
    expected = {"NAME": "licet", "USER": "licet_app", "PASSWORD": "s t", "HOST": "db.example", "PORT": "5433"}
    assert {name: found[name] for name in expected} == expected
    assert found["OPTIONS"]["sslmode"] == "require"
    assert env.database("X", "postgresql://a@/licet?host=/run/s")["HOST"] == "/run/s"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("redis://h:6379/0", "redis://h:6379/0"),
    ],
)
def test_the_broker_is_the_same_redis(url: str, expected: str) -> None:
    assert env.broker(url) == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda: env.database("DATABASE_URL", "mysql://x/y"),
        lambda: env.mail("pop3://x"),
        lambda: env.flag("LICET_TEST_VALUE", default=False),
        lambda: env.number("LICET_TEST_VALUE", 1),
        lambda: env.text("LICET_NOT_SET"),
    ],
)
def test_nonsense_is_refused_with_its_name(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICET_TEST_VALUE", "perhaps")
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL|EMAIL_URL|LICET_TEST_VALUE|LICET_NOT_SET"):
        call()
