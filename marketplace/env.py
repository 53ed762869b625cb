"""Typed reading of environment variables: one sentence when a value is missing or makes no sense."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})


def text(name: str, default: str | None = None) -> str:
    """A text, or the contents of the file named by NAME_FILE (how secrets are mounted)."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {file}, which cannot be read: {error.strerror}.") from error
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name} (or {name}_FILE).")
    return value


def flag(name: str, *, default: bool) -> bool:
    """true/false, 1/0, yes/no, on/off."""
    value = os.environ.get(name, str(default)).strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def number(name: str, default: int) -> int:
    """A whole number >= 0."""
    value = os.environ.get(name, str(default)).strip()
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def names(name: str, default: str) -> list[str]:
    """A comma-separated list."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def limits(name: str, default: str) -> dict[str, int]:
    """Named whole numbers such as read=1200,write=600; what is not named keeps its default."""
    found = dict(part.split("=") for part in default.split(","))
    for part in names(name, default):
        key, _, value = part.partition("=")
        if key not in found or not value.isdecimal():
            raise ImproperlyConfigured(f"{name} takes parts like {default}, not {part!r}.")
        found[key] = value
    return {key: int(value) for key, value in found.items()}


def database(name: str, url: str) -> dict[str, Any]:
    """Django's settings of one PostgreSQL connection out of `postgresql://user:secret@host:port/name?host=/socket`.

    Any query parameter other than host is passed to libpq (sslmode, sslrootcert, ...).
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} must look like postgresql://user:secret@host:5432/database.")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10, "application_name": "licet", **options},
    }


def broker(redis_url: str) -> str:
    """Celery's spelling of a Redis address: unix:///path?db=3 becomes redis+socket:///path?virtual_host=3."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    db = parse_qs(parts.query).get("db", ["0"])[-1]
    return f"redis+socket://{parts.path}?virtual_host={db}"


def mail(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings out of console: or smtp[s]://user:secret@host:port[?tls=1]."""
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must be console: or smtp[s]://user:secret@host:port?tls=1.")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": _starttls(parts),
        "EMAIL_TIMEOUT": 15,
    }


def _starttls(parts: SplitResult) -> bool:
    return parts.scheme == "smtp" and parse_qs(parts.query).get("tls", ["1"])[-1] not in FALSE
