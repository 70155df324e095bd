"""Where documents are kept: SQLite embedded, or a MongoDB replica set; both from DATABASE_URL, decided here alone."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

MONGODB = ("mongodb://", "mongodb+srv://")
# Django's own apps as MongoDB needs them, and where their migrations are then.
_APPS = {
    "django.contrib.admin": "config.mongo.apps.AdminConfig",
    "django.contrib.auth": "config.mongo.apps.AuthConfig",
    "django.contrib.contenttypes": "config.mongo.apps.ContentTypesConfig",
}
_MIGRATIONS = {name: f"config.mongo.migrations.{name}" for name in ("admin", "auth", "contenttypes", "sessions")}
_WAIT_MS = 5_000


class DatabaseUrlError(ValueError):
    """DATABASE_URL names no place where documents can be kept; the message says what to write."""


def is_mongodb(url: str) -> bool:
    """Tell whether the URL is that of a MongoDB replica set."""
    return url.startswith(MONGODB)


def is_away(error: BaseException) -> bool:
    """Tell whether an error says that no server could be reached, or that none leads at the moment."""
    known = sys.modules.get("pymongo.errors")
    return known is not None and any(isinstance(one, known.ConnectionFailure) for one in (error, error.__cause__))


def databases(url: str) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES for a URL."""
    if is_mongodb(url):
        return {"default": _mongodb(url)}
    if url.startswith("sqlite:///"):
        return {"default": _sqlite(url.removeprefix("sqlite:///"))}
    raise DatabaseUrlError(
        f"DATABASE_URL begins with {url.partition(':')[0]!r}: write sqlite:///FILE or mongodb://HOSTS/NAME?replicaSet=…"
    )


def installed_apps(url: str, names: list[str]) -> list[str]:
    """Return INSTALLED_APPS for a URL."""
    return [_APPS.get(name, name) for name in names] if is_mongodb(url) else names


def migration_modules(url: str) -> dict[str, str]:
    """Return MIGRATION_MODULES for a URL."""
    return dict(_MIGRATIONS) if is_mongodb(url) else {}


def _sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Threads live as long as their process, and so do their connections.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # IMMEDIATE: a transaction that will write takes its lock first, so it waits instead of failing.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }


def _mongodb(url: str) -> dict[str, Any]:
    name = urlsplit(url).path.strip("/")
    if not name or "/" in name:
        raise DatabaseUrlError("DATABASE_URL names no database: write mongodb://HOSTS/NAME?replicaSet=…")
    return {
        "ENGINE": "config.mongo.engine",
        "HOST": url,
        "NAME": name,
        "OPTIONS": {
            # Everywhere: what was acknowledged outlives the loss of the primary, and only that is read. (A transaction
            # takes both over; its snapshot is then that of what a majority holds.)
            "w": "majority",
            "readConcernLevel": "majority",
            # Also everywhere: whoever has just changed something sees it on the next page, guards and keys are looked
            # up where they are written, and a withdrawn right ends at once. No use of this product is worth a page
            # that is seconds old; what may be old (live values, limits) stands in Redis. Secondaries are there to take
            # over; a report that may be old is run on one with tools of its own (docs/operations.md).
            "readPreference": "primary",
            # Single statements, reads too, are tried once more by the driver when the primary changes.
            "retryWrites": True,
            "retryReads": True,
            # An election takes a few seconds; a request that waits longer is answered 503.
            "serverSelectionTimeoutMS": _WAIT_MS,
            "connectTimeoutMS": _WAIT_MS,
            "socketTimeoutMS": 4 * _WAIT_MS,
        },
    }
