"""What is installed is named, explained and locked."""

from __future__ import annotations

import re
import sys

import pytest

from tests.architecture import source
from tests.architecture.source import ROOT

LISTS = ("requirements", "requirements-embedded", "requirements-dev")
RUNTIME = 40
STRANGE = re.compile(
    r"://|--(?:index-url|extra-index-url|find-links|trusted-host|no-index)|(?<!\w)-[fi] |^-e |\s@\s|(?:^|\s)[./~]+/"
)


def _direct(name: str) -> list[str]:
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith(("#", "-c "))]


@pytest.mark.parametrize("line", ["--index-url x", "a @ file:x", "-f wheels", "-e .", "./wheels/a.whl", "https://x"])
def test_the_search_for_strange_sources_finds(line: str) -> None:
    assert STRANGE.search(line)


@pytest.mark.parametrize("name", LISTS)
def test_no_addresses_and_no_paths(name: str) -> None:
    for ending in ("in", "txt"):
        lines = (ROOT / f"{name}.{ending}").read_text().splitlines()
        spoken = [line for line in lines if not line.strip().startswith("#")]
        assert [line for line in spoken if STRANGE.search(line)] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_direct_requirement_says_what_for(name: str) -> None:
    assert [line for line in _direct(name) if not re.search(r"\s#\s\w", line)] == []


def test_the_runtime_stays_small() -> None:
    assert len(_direct("requirements")) <= RUNTIME


@pytest.mark.parametrize("name", LISTS)
def test_everything_locked_has_hashes(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text().replace("\\\n", " ")
    locked = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert locked
    assert [line for line in locked if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LISTS)
def test_everything_asked_for_is_locked(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    locked = {_normal(one) for one in re.findall(r"^([A-Za-z0-9][\w.-]*)==", text, re.MULTILINE)}
    asked = {_normal(re.split(r"[\[~<>=;\s]", line)[0]) for line in _direct(name)}
    assert asked <= locked


#: What a distribution is imported as, where it is not its name.
IMPORTED_AS: dict[str, str] = {
    "argon2": "argon2-cffi",
    "allauth": "django-allauth",
    "csp": "django-csp",
    "guardian": "django-guardian",
    "rest_framework": "djangorestframework",
    "stdnum": "python-stdnum",
    "unfold": "django-unfold",
    "kombu": "celery",
}


def test_what_the_product_imports_is_asked_for() -> None:
    asked = {_normal(re.split(r"[\[~<>=;\s]", line)[0]) for line in _direct("requirements")}
    ours = {*source.EVERYWHERE, *sys.stdlib_module_names}
    names = {
        name.split(".")[0]
        for one in source.read(*source.PACKAGES)
        for node in source.walk(one.tree)
        for name in source.imported(node)
    }
    wanted = {IMPORTED_AS.get(name, _normal(name)) for name in names - ours}
    assert wanted <= asked, "add to requirements.in, then `make lock`"


#: Used without an import of ours: by name in settings, as a program, or as data.
NAMED: dict[str, str] = {
    "argon2-cffi": "the first of PASSWORD_HASHERS",
    "django-linear-migrations": "INSTALLED_APPS; writes max_migration.txt",
    "drf-spectacular-sidecar": "REDOC_DIST",
    "gunicorn": "marketplace/stack.py, Dockerfile",
    "onixcheck": "its schemas are read as files",
    "whitenoise": "MIDDLEWARE",
}


def test_what_is_asked_for_is_used() -> None:
    names = {
        name.split(".")[0]
        for one in source.read(*source.PACKAGES, "client")
        for node in source.walk(one.tree)
        for name in source.imported(node)
    }
    used = {IMPORTED_AS.get(name, _normal(name)) for name in names} | NAMED.keys()
    asked = {_normal(re.split(r"[\[~<>=;\s]", line)[0]) for line in _direct("requirements")}
    assert asked - used == set(), "drop it from requirements.in, then `make lock`"
    assert NAMED.keys() <= asked
