"""Who lives where - users, households, metering points, tariffs, statistics."""

from django.apps import AppConfig


class MyHouseConfig(AppConfig):
    """Who lives where - users, households, metering points, tariffs, statistics."""

    name = "myhouse"
