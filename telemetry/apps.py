"""Numbers over time under opaque series ids."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Numbers over time under opaque series ids."""

    name = "telemetry"

    def ready(self) -> None:
        """Register the system check."""
        from telemetry import checks  # noqa: F401 - registers itself
