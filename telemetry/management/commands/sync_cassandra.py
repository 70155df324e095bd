"""`manage.py sync_cassandra`: the engine's command, safe to be run by several at once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from telemetry.databases import is_cassandra
from telemetry.errors import TelemetryError
from telemetry.tables import tables_sync


class Command(BaseCommand):
    """Make the keyspace and the tables that TELEMETRY_URL needs, or bring them up to date."""

    help = "Make the keyspace and tables of the time series on Cassandra; may be run at any time, and by several."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, saying each table."""
        if not is_cassandra(settings.TELEMETRY_URL):
            raise CommandError("TELEMETRY_URL names no Cassandra: there are no tables to make.")
        try:
            tables_sync(self.stdout)
        except TelemetryError as error:
            raise CommandError(str(error)) from error
