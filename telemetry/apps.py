"""Numbers over time under opaque series ids."""

from django.apps import AppConfig
from django.conf import settings


class TelemetryConfig(AppConfig):
    """Numbers over time under opaque series ids."""

    name = "telemetry"

    def ready(self) -> None:
        """Register the system check; let requests and tasks pass without the tables' connection."""
        from telemetry import checks  # noqa: F401 - registers itself
        from telemetry.databases import connection_rest, is_cassandra

        if is_cassandra(settings.TELEMETRY_URL):
            connection_rest()
