"""What Django is told of a Cassandra, for django-cassandra-engine: `manage.py sync_cassandra` makes the tables.

Readings do not go through it: the engine writes rows as objects, one at a time, and the store wants prepared
statements, many under way, and compare-and-set.
"""

from __future__ import annotations

from typing import Any

ENGINE = "django_cassandra_engine"
ALIAS = "cassandra"


def is_cassandra(url: str) -> bool:
    """Tell whether the time series are on Cassandra."""
    return url.startswith("cassandra://")


def databases(url: str) -> dict[str, dict[str, Any]]:
    """Return what comes into DATABASES for a TELEMETRY_URL."""
    if not is_cassandra(url):
        return {}
    from telemetry.stores.cassandra_place import Place

    place = Place.of(url)
    return {
        ALIAS: {
            "ENGINE": ENGINE,
            "NAME": place.keyspace,
            "HOST": ",".join(place.hosts),
            "USER": place.user or "",
            "PASSWORD": place.password or "",
            "OPTIONS": {
                "replication": {
                    "strategy_class": "NetworkTopologyStrategy",
                    place.datacenter: place.replication,
                },
                "connection": {
                    "port": place.port,
                    "protocol_version": 4,
                    "lazy_connect": True,
                    **({"ssl_context": place.tls.context()} if place.tls else {}),
                },
                # Making a table may take its time.
                "session": {"default_timeout": 60.0},
            },
        }
    }


def installed_apps(url: str, names: list[str]) -> list[str]:
    """Return INSTALLED_APPS for a TELEMETRY_URL: the engine's commands replace Django's, and ours the engine's."""
    if not is_cassandra(url):
        return names
    return ["telemetry", ENGINE, *(name for name in names if name != "telemetry")]


def connection_rest() -> None:
    """Let the engine connect when tables are made, and not at both ends of every request and task."""
    from django_cassandra_engine.base import DatabaseWrapper  # type: ignore[import-untyped] # the engine has no types

    DatabaseWrapper.close_if_unusable_or_obsolete = lambda _connection: None
