"""Bringing the tables of servers up to date, before anything is read from them."""

from __future__ import annotations

import io
from typing import Any

from django.conf import settings

from telemetry.databases import ALIAS


def tables_sync(out: Any = None) -> None:
    """Make what is missing of Cassandra's tables, one process after the other; refuse while it is away."""
    from django_cassandra_engine.management.commands.sync_cassandra import Command  # type: ignore[import-untyped] # the engine has no types

    from telemetry.stores.cassandra_link import TABLES_S, cluster_made, meaning_of_errors
    from telemetry.stores.cassandra_making import turn
    from telemetry.stores.cassandra_place import Place

    place = Place.of(settings.TELEMETRY_URL)
    with meaning_of_errors():
        cluster = cluster_made(place, request_s=TABLES_S)
        try:
            with turn(cluster.connect(), place):
                Command(stdout=out or io.StringIO()).sync(ALIAS)
        finally:
            cluster.shutdown()
