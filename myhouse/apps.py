"""Who lives where - users, households, metering points, tariffs, statistics."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MyHouseConfig(AppConfig):
    """Who lives where - users, households, metering points, tariffs, statistics."""

    name = "myhouse"
    verbose_name = _("Homes and people")
