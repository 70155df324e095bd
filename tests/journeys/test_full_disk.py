"""A disk that fills up during ingest: what was acknowledged is there, what was not is refused, nothing is damaged."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.processes, pytest.mark.slow]

# Writes until the store refuses, then reads back what it was told is durable.
WRITER = """
import os, sys, uuid
import django
django.setup()
import numpy as np
from telemetry import services, selectors
from telemetry.errors import TelemetryError
from telemetry.model import Batch, Kind, Quality, Series

series = Series(id=uuid.UUID(int=7), unit="W", kind=Kind.GAUGE)
services.series_register(series=series)
start, now = 1_760_000_000_000, 1_760_000_000_000 + 10**10
random = np.random.default_rng(1)
acknowledged, refusal = 0, None
while refusal is None and acknowledged < 10_000_000:
    times = start + 1000 * np.arange(acknowledged, acknowledged + 5_000, dtype=np.int64)
    batch = Batch.of(series.id, times, random.normal(500, 200, 5_000))
    try:
        acknowledged += services.readings_write(batch=batch, now_ms=now).accepted
    except TelemetryError as error:
        refusal = error
there = selectors.scan(series_id=series.id, start_ms=start, end_ms=start + 10**10)
print(f"{acknowledged}|{len(there.times)}|{refusal}")
"""


def test_what_was_acknowledged_survives_a_full_disk(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    # No file of the child may grow beyond 3 MB: for the database that is a disk without space.
    child = subprocess.run(
        [sys.executable, "-c", WRITER],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "MYHOUSE_VAR": str(var),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "REDIS_URL": "unix:///nonexistent.sock",
        },
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000)),
        check=False,
    )

    assert child.returncode == 0, child.stderr
    acknowledged, there, refusal = child.stdout.strip().splitlines()[-1].split("|")
    assert int(acknowledged) == int(there) > 0
    assert "cannot be used" in refusal
    with closing(sqlite3.connect(var / "telemetry.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
