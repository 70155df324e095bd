"""Lets the seeded home live: new powers every half second, stored and published like any others.

Run as `python -m tests.browser.feed MEASUREMENTS` (JSON: name → measurement id); ends with who started it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from myhouse.models import Measurement, MeteringPoint
from myhouse.services.live import live_publish
from telemetry.live import live_put
from telemetry.model import Batch, Quality, Reading
from telemetry.services import readings_write


def powers(beat: int) -> dict[str, float]:
    """A sunny moment that changes with every beat; what is not used or stored leaves the home."""
    sun, use, heat = 3_000.0 + 37 * (beat % 11), 600.0 + 13 * (beat % 7), 250.0
    return {"production": sun, "battery": -1_200.0, "grid": use - sun + 1_200.0, "soc": 64.0, "consumer": heat}


def main() -> None:
    """Feed until nobody is left who asked for it."""
    ids = {name: UUID(hex_) for name, hex_ in json.loads(sys.argv[1]).items()}
    measurements = {m.pk: m for m in Measurement.objects.filter(pk__in=list(ids.values()))}
    household = MeteringPoint.objects.get(pk=measurements[ids["grid"]].metering_point_id).household_id
    # The neighbours' batteries tell their state of charge too, or nothing could be bought from them.
    others = {name: 72.0 for name in ids if name.startswith("soc_")}
    parent, beat = os.getppid(), 0
    while os.getppid() == parent:
        now = datetime.now(UTC)
        at, values = int(now.timestamp() * 1000), powers(beat) | others
        series = {name: measurements[pk].series_id for name, pk in ids.items()}
        batch = Batch.concat([Batch.of(series[name], at, value, Quality.SIMULATED) for name, value in values.items()])
        readings_write(batch=batch, now_ms=at)
        live_put({series[name]: Reading(at, value, Quality.SIMULATED) for name, value in values.items()})
        told = {ids[name].hex: {"t": at, "v": value} for name, value in values.items() if name not in others}
        live_publish(values={household: told}, now=now)
        beat += 1
        time.sleep(0.5)


if __name__ == "__main__":
    main()
