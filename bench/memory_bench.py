"""What the whole embedded installation weighs with its demo running: PSS of all its processes together."""

from __future__ import annotations

import time
from pathlib import Path

from bench.browsing import Client
from bench.rows import Row
from bench.serving import Served, serving

TARGET_MB = 500
SETTLE_SECONDS = 30


def rows() -> list[Row]:
    """Start everything, use it for half a minute, then weigh it."""
    from django.conf import settings

    with serving(var=settings.VAR_DIR) as served:
        client = Client(served.url)
        address, password = served.logins["household"]
        page = client.sign_in("/sign-in/", address, password)
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            client.follow(page)
            time.sleep(1)
        parts = weigh(served)
    total = sum(parts.values())
    note = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in sorted(parts.items()))
    return [
        Row(
            "memory, everything embedded, demo",
            total,
            "MB PSS",
            f"≤ {TARGET_MB} MB",
            met=total <= TARGET_MB,
            note=note,
        )
    ]


def weigh(served: Served) -> dict[str, float]:
    """Return megabytes of PSS by part."""
    parts: dict[str, float] = {}
    for pid, command in served.pids().items():
        names = ("config.serve.web", "config.serve.worker", "devices.simulator", "valkey-server")
        name = next((name for name in names if name in command), "supervisor")
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                parts[name] = parts.get(name, 0.0) + int(line.split()[1]) / 1024
    return parts
