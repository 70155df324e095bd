"""Time series are no Django models; on Cassandra their tables are named here, where `sync_cassandra` looks."""

from __future__ import annotations

from django.conf import settings

from telemetry.databases import is_cassandra

if is_cassandra(settings.TELEMETRY_URL):
    from telemetry.stores.cassandra_tables import TABLES

    globals().update({table.__name__: table for table in TABLES})
