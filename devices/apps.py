"""Registry, drivers, polling, ingest, simulator."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Registry, drivers, polling, ingest, simulator."""

    name = "devices"
