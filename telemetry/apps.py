"""Numbers over time under opaque series ids."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Numbers over time under opaque series ids."""

    name = "telemetry"
