"""Cold storage through the public face: settings, services, command, task."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from telemetry import selectors, services, tasks
from telemetry.errors import StoreConfigurationError
from telemetry.model import Batch, Kind
from telemetry.process import store_close
from telemetry.tests.cold_places import rows_in
from telemetry.tests.conftest import DAY, series_of

Q = 900_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.TELEMETRY_URL = f"sqlite:///{tmp_path}/own.sqlite3"
    settings.COLD_URL = f"file://{tmp_path}/cold"
    settings.COLD_AFTER_DAYS = 60
    yield
    store_close()


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def series():
    """A home with the readings of the last 150 days."""
    known = [series_of(Kind.GAUGE), series_of(Kind.COUNTER, "Wh")]
    services.series_register_many(series=known)
    times = (now() // DAY - 150) * DAY + np.arange(150 * 96) * Q
    for one in known:
        services.history_write(batch=Batch.of(one.id, times, np.arange(len(times)) / 8), now_ms=now())
    return known


def archived(**options) -> str:
    out = StringIO()
    call_command("archive", stdout=out, stderr=out, **options)
    return out.getvalue()


def test_the_command_moves_whole_months_that_are_old_enough(settings, series):
    before = selectors.scan(series_id=series[0].id, start_ms=0, end_ms=now())
    limit = services.archive_before(today=datetime.now(UTC).date(), after_days=60)
    assert limit.day == 1
    days = (limit - (datetime.now(UTC).date() - timedelta(days=150))).days
    assert f"{2 * days} days of series before {limit}" in archived(dry_run=True)
    assert not rows_in(settings.COLD_URL)
    assert archived().startswith(f"{2 * days} days of series with {2 * days * 96} readings moved")
    assert {len(times) for times in rows_in(settings.COLD_URL).values()} == {days * 96}
    after = selectors.scan(series_id=series[0].id, start_ms=0, end_ms=now())
    assert after.values.tobytes() == before.values.tobytes()
    assert archived(clean=True).startswith("0 days of series with 0 readings moved, 0 files written, 0 taken away")


def test_the_command_takes_a_date_and_brings_everything_back(settings, series):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert archived(before=yesterday).startswith("298 days of series")
    assert "298 days of series are back" in archived(back=True)
    assert not rows_in(settings.COLD_URL)


def test_erasing_a_series_leaves_nothing_of_it_in_any_file(settings, series):
    archived()
    assert services.series_forget(series_id=series[1].id) == 150 * 96
    assert set(rows_in(settings.COLD_URL)) == {str(series[0].id)}


def test_the_task_moves_days_some_at_a_time_and_nothing_where_there_is_no_cold_storage(settings, series):
    assert tasks.days_archive() > 0
    assert tasks.days_archive() == 0
    settings.COLD_URL = ""
    store_close()
    assert tasks.days_archive() == 0


def test_without_cold_storage_the_command_says_what_to_set(settings):
    settings.COLD_URL = ""
    with pytest.raises(CommandError, match="set COLD_URL"):
        archived()
    with pytest.raises(StoreConfigurationError, match="set COLD_URL"):
        services.days_archive(before=date(2025, 1, 1))


def test_a_place_that_cannot_be_is_found_by_the_check(settings):
    settings.COLD_URL = "ftp://somewhere"
    assert [(one.id, "COLD_URL" in one.msg) for one in run_checks(tags=["telemetry"])] == [("telemetry.E003", True)]


CHECK = """
    import django, sys
    django.setup()
    from telemetry import selectors, services, tasks
    print(list(selectors.series_all()), sorted(name for name in sys.modules if name.startswith("pyarrow")))
"""


@pytest.mark.parametrize("url", ["", "file:///nowhere/cold"])
def test_the_library_is_not_loaded_before_an_archived_day_is_read(tmp_path, url):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "MYHOUSE_VAR": str(tmp_path),
        "TELEMETRY_URL": f"sqlite:///{tmp_path}/t.sqlite3",
        "COLD_URL": url,
    }
    command = [sys.executable, "-c", re.sub(r"(?m)^    ", "", CHECK)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip().endswith("[] []")
