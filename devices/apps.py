"""Registry, drivers, polling, ingest, simulator."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DevicesConfig(AppConfig):
    """Registry, drivers, polling, ingest, simulator."""

    name = "devices"
    verbose_name = _("Devices")
