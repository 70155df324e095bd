"""A small market with everything in it, and what a visitor finds of it later; a program of its own.

`python -m config.tests.moving seed` fills the installation that the environment names; `… visit` looks at it: signs
in, proves the ledger, reads secrets and curves. Both print JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import numpy as np
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.services.proof import ledger_prove
from marketplace.tests.factories import traders
from myhouse.documents.base import uuid7
from myhouse.documents.services import SYSTEM
from myhouse.models import SecondFactor, User
from myhouse.services.reference import reference_register, reference_write
from myhouse.services.second_factor import factor_secret
from myhouse.tests.factories import NOW, PASSWORD
from telemetry.model import DAY_MS, Batch, Kind, Quality, Series
from telemetry.selectors import quarters, scan, series_all
from telemetry.services import (
    days_seal,
    history_write,
    quarters_refresh,
    readings_write,
    series_forget,
    series_register_many,
    store_release,
)


def seed() -> dict[str, object]:
    """Fill it."""
    call_command("migrate", verbosity=0)
    homes = traders(homes=3)
    offer = homes[0].offers_stored(2_000)
    homes[1].buys(offer, 700)
    homes[2].buys(homes[1].offers_window(800), 800)
    homes[0].offers_window(300)
    _people(homes[0].user, homes[1].user)
    _readings()
    folder = Path(settings.VAR_DIR) / "files" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meter.csv").write_bytes(b"time;Wh\n" * 50_000)
    return {"email": homes[0].user.email, "factor": homes[1].user.email, "sound": ledger_prove(now=NOW).sound}


def _people(staff: User, careful: User) -> None:
    """Give people what Django keeps of them: a group, rights, a line in the admin's log; a second factor."""
    group = Group.objects.create(name="Treasurers")
    right = Permission.objects.get(codename="view_trade", content_type__app_label="marketplace")
    group.permissions.add(right)
    staff.groups.add(group)
    staff.user_permissions.add(Permission.objects.get(codename="change_device", content_type__app_label="devices"))
    kind = ContentType.objects.get(app_label="myhouse", model="user")
    LogEntry.objects.create(
        user=staff, content_type=kind, object_id=str(careful.pk), object_repr="x", action_flag=CHANGE
    )
    SecondFactor.objects.create(user=careful, salt="some salt", confirmed_at=NOW, created_at=timezone.now())


def _readings() -> None:
    """Series of every kind: late data, an erased part, all qualities, hot ones of today, prices of tomorrow."""
    now_ms = int(timezone.now().timestamp() * 1000)
    start = (now_ms // DAY_MS - 5) * DAY_MS
    gauge, counter = Series(uuid7(), "W", Kind.GAUGE), Series(uuid7(), "Wh", Kind.COUNTER)
    mean = Series(uuid7(), "°C", Kind.MEAN, 600_000)
    simulated = Series(uuid7(), "Wh", Kind.INTERVAL, 900_000, simulated=True)
    empty = Series(uuid7(), "V", Kind.GAUGE)
    series_register_many(series=[gauge, counter, mean, simulated, empty])
    rng = np.random.default_rng(7)
    uneven = np.unique(start + rng.integers(0, now_ms - start, 20_000))
    flags = rng.integers(0, 4, len(uneven)).astype(np.uint8)
    history_write(batch=Batch.of(gauge.id, uneven, rng.normal(0, 1e3, len(uneven)), flags), now_ms=now_ms)
    # A register that was exchanged in the middle, and stands still for a day.
    times = np.arange(start, now_ms, 60_000)
    register = np.cumsum(rng.integers(0, 40, len(times)))
    register[len(times) // 2 :] -= register[len(times) // 2]
    held = (times < start + DAY_MS) | (times > start + 2 * DAY_MS)
    history_write(batch=Batch.of(counter.id, times[held], register[held]), now_ms=now_ms)
    tens = np.arange(start, now_ms, 600_000)
    readings_write(batch=Batch.of(mean.id, tens, np.full(len(tens), -0.0)), now_ms=now_ms)
    fives = np.arange(start, now_ms - 900_000, 900_000)
    history_write(batch=Batch.of(simulated.id, fives, fives % 977, Quality.SIMULATED), now_ms=now_ms)
    days_seal(now_ms=now_ms)
    quarters_refresh(now_ms=now_ms)
    late = start + DAY_MS + np.arange(7_000, 3_000_000, 61_000)
    readings_write(batch=Batch.of(gauge.id, late, late % 1013, Quality.SUBSTITUTED), now_ms=now_ms)
    series_forget(series_id=gauge.id, start_ms=start + 3 * DAY_MS, end_ms=start + 3 * DAY_MS + 5_000_000)
    _prices()


def _prices() -> None:
    now = timezone.now()
    tomorrow = int((now + timedelta(days=2)).timestamp() * 1000) // DAY_MS * DAY_MS
    times = np.arange(tomorrow - 3 * DAY_MS, tomorrow, 900_000)
    price = reference_register(kind="price", name="Market", source="A test", country="DE", actor=SYSTEM, now=now)
    reference_write(series=price, times_ms=times, values=times % 9_973, actor=SYSTEM, now=now)


def visit(email: str, factor: str) -> dict[str, object]:
    """Look at it as people, and as one who adds up."""
    client = Client(SERVER_NAME="127.0.0.1")
    answer = client.post(reverse("sign-in"), {"username": email, "password": PASSWORD})
    staff = User.objects.get(email=email)
    proof = ledger_prove(now=timezone.now())
    log = LogEntry.objects.get()
    return {
        "signed_in": [answer.status_code, client.session.get("_auth_user_id") == str(staff.pk)],
        "rights": sorted(f"{one.content_type.app_label}.{one.codename}" for one in staff.user_permissions.all()),
        "groups": {
            group.name: sorted(right.codename for right in group.permissions.all()) for group in staff.groups.all()
        },
        "log": [log.user.email, log.content_type.model, log.object_id],
        "secret": factor_secret(SecondFactor.objects.get(user__email=factor)),
        "ledger": [proof.sound, proof.accounts, proof.transfers, proof.entries],
        "series": {str(one.id): _told(one) for one in series_all()},
    }


def _told(series: Series) -> list[object]:
    readings = scan(series_id=series.id, start_ms=0, end_ms=1 << 45)
    if not len(readings):
        return [series.unit, 0]
    first = int(readings.times[0]) // DAY_MS * DAY_MS
    last = int(readings.times[-1]) // DAY_MS * DAY_MS + DAY_MS
    grid = quarters(series_ids=[series.id], start_ms=first, end_ms=last)
    sums = [int(readings.times.sum()), float(readings.values.sum()), int(readings.quality.sum())]
    return [series.unit, len(readings), *sums, int(grid.energy.sum()), np.bincount(grid.flags[0]).tolist()]


if __name__ == "__main__":
    print(json.dumps(seed() if sys.argv[1] == "seed" else visit(*sys.argv[2:])))
    store_release()
