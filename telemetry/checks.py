"""`manage.py check` finds a store that cannot work before anything is started."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from telemetry.cold.place import Place
from telemetry.errors import TelemetryError
from telemetry.process import backend_class


@register("telemetry")
def check_store(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """TELEMETRY_URL and TELEMETRY_STORES name a backend, and its URL has the form it needs."""
    url = getattr(settings, "TELEMETRY_URL", "")
    if not url or not isinstance(getattr(settings, "TELEMETRY_STORES", None), dict):
        return [Error("TELEMETRY_URL or TELEMETRY_STORES is not set.", id="telemetry.E001")]
    try:
        backend_class(url).check_url(url)
    except TelemetryError as error:
        return [Error(str(error), hint="Set TELEMETRY_URL, for example sqlite:////path/file.", id="telemetry.E002")]
    cold = getattr(settings, "COLD_URL", "")
    if cold:
        try:
            Place.of(cold)
        except TelemetryError as error:
            return [Error(str(error), hint="Set COLD_URL, for example file:///srv/cold.", id="telemetry.E003")]
    return []
