"""Filling an installation with the demo, and catching up after a pause."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from config.cluster.child import LOOPBACK, is_free
from config.demo.contracts import EMISSION_NAME, PRICE_NAME, SOURCE, market_days
from config.demo.history import Progress, history_fill
from config.demo.market import market_fill
from config.demo.people import Settled, community_move, community_settle, community_settled
from config.demo.street import street_of
from config.demo.trading import Step, trading_step
from devices.simulator.calendar import day_number
from devices.simulator.checkpoint import spec_read, spec_write
from devices.simulator.community import MOST_HOMES, Spec
from devices.simulator.installation import PORTS_PER_HOME
from myhouse.documents.services import SYSTEM
from myhouse.models import ReferenceSeries
from myhouse.services.reference import reference_register, reference_write
from telemetry.selectors import latest
from telemetry.services import quarters_refresh

Say = Callable[[str], Any]
# Below the ports that the system gives out by itself.
FIRST_PORT, LAST_PORT = 15_020, 31_999
_DAY_MS = 86_400_000
_SEED = 1


class UnableToFillError(Exception):
    """The demo cannot be put here; the message says what to do."""


def demo_fill(
    *,
    now: datetime,
    say: Say = print,
    homes: int = MOST_HOMES,
    days: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Fill an empty installation with the demo community and its past year; goes on where it was interrupted."""
    origin = _origin(now, days)
    spec, base_port = Spec(origin=origin, seed=_SEED, homes=homes), _free_ports(homes)
    known = demo_spec() if community_settled() is not None else None
    if known is not None:
        spec, base_port = _ports_ensure(*known, now)
    elif get_user_model().objects.exists():
        msg = (
            "The demo is for an empty installation, and there are accounts here: choose another folder (MYHOUSE_VAR)."
        )
        raise UnableToFillError(msg)
    else:
        spec_write(_state() / "spec.json", spec, base_port=base_port)
        begins_at = datetime(spec.origin.year, spec.origin.month, spec.origin.day, tzinfo=UTC)
        community_settle(spec=spec, base_port=base_port, begins_at=begins_at, now=now)
    references_extend(now=now)
    count = _history(spec, base_port, now, progress or _Teller(say))
    market_fill(spec=spec, now=now, say=say)
    say(f"The demo community has {spec.homes} homes and {count:,} readings since {spec.origin}.")


def demo_catch_up(*, now: datetime, say: Say = print, progress: Progress | None = None, serving: bool = False) -> None:
    """Write what the demo's devices would have shown while nobody looked.

    While they are `serving`, their ports are in use by themselves; otherwise taken ports are exchanged for free ones.
    """
    known = demo_spec()
    if known is None:
        return
    if not serving:
        known = _ports_ensure(*known, now)
    references_extend(now=now)
    count = _history(*known, now, progress or _Teller(say, quiet_until=10))
    market_fill(spec=known[0], now=now, say=say)
    if count:
        say(f"The demo has caught up: {count:,} readings.")


def market_step(*, now: datetime) -> Step:
    """Let the demo's neighbours trade for a minute; nothing without a demo."""
    known = demo_spec()
    street = street_of(known[0], now=now) if known is not None else None
    return trading_step(street, now=now) if street is not None else Step()


def demo_spec() -> tuple[Spec, int] | None:
    """What is simulated here and on which first port; None without a demo.

    The file is for the simulator, which knows no documents; a lost one (a restored backup) is made again from them.
    """
    path = _state() / "spec.json"
    try:
        return spec_read(path)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    settled = community_settled()
    if settled is None:
        return None
    spec = Spec(origin=_origin_of(settled), seed=_SEED, homes=settled.homes)
    spec_write(path, spec, base_port=settled.base_port)
    return spec, settled.base_port


def demo_recall() -> bool:
    """Let the folder's description follow the documents, which are on servers and may be others than last time.

    Returns whether they hold a demo.
    """
    path = _state() / "spec.json"
    settled = community_settled()
    if settled is None:
        path.unlink(missing_ok=True)
        return False
    try:
        spec, base_port = spec_read(path)
        same = (spec.origin, spec.homes, base_port) == (_origin_of(settled), settled.homes, settled.base_port)
    except (OSError, ValueError, TypeError, KeyError):
        same = False
    if not same:
        path.unlink(missing_ok=True)
    return demo_spec() is not None


def references_extend(*, now: datetime) -> int:
    """Publish the made-up prices and emission factors up to the end of tomorrow; returns how many were new."""
    known = demo_spec()
    if known is None:
        return 0
    spec = known[0]
    price = _reference("price", PRICE_NAME, now)
    emission = _reference("emission", EMISSION_NAME, now)
    newest = latest(series_ids=[price.series_id, emission.series_id])
    first = day_number(spec.origin)
    if len(newest) == 2:
        first = min(one.time_ms for one in newest.values()) // _DAY_MS + 1
    until = int(now.timestamp() * 1000) // _DAY_MS + 2
    if first >= until:
        return 0
    times, prices, factors = market_days(spec, first, until)
    reference_write(series=price, times_ms=times, values=prices, actor=SYSTEM, now=now)
    reference_write(series=emission, times_ms=times, values=factors, actor=SYSTEM, now=now)
    return 2 * len(times)


def _reference(kind: str, name: str, now: datetime) -> ReferenceSeries:
    return reference_register(kind=kind, name=name, source=SOURCE, country="DE", actor=SYSTEM, now=now, demo=True)


def _history(spec: Spec, base_port: int, now: datetime, progress: Progress) -> int:
    begins_ms = day_number(spec.origin) * _DAY_MS
    count = history_fill(
        spec=spec, base_port=base_port, state=_state(), begins_ms=begins_ms, now=now, progress=progress
    )
    quarters_refresh(now_ms=int(now.timestamp() * 1000))
    return count


def _ports_ensure(spec: Spec, base_port: int, now: datetime) -> tuple[Spec, int]:
    """Ports for the simulator that no other program has; the documents decide, the file follows."""
    settled = community_settled()
    assert settled is not None
    wanted = settled.base_port
    if not _are_free(wanted, spec.homes):
        wanted = _free_ports(spec.homes)
        community_move(base_port=wanted, now=now)
    if wanted != base_port:
        spec_write(_state() / "spec.json", spec, base_port=wanted)
    return spec, wanted


def _origin_of(settled: Settled) -> date:
    return settled.begins_at.astimezone(UTC).date()


def _origin(now: datetime, days: int | None) -> date:
    """The first day of the month a year ago, so that this month can be compared with the same one then."""
    today = now.astimezone(UTC).date()
    if days is not None:
        return today - timedelta(days=days)
    return (today.replace(day=1) - timedelta(days=365)).replace(day=1)


def _free_ports(homes: int) -> int:
    """The first port of a run that is free now.

    Each data folder begins to look at a place of its own: two demos that are filled at the same moment would
    otherwise both find the same ports free, and only one could listen on them.
    """
    var_dir = Path(settings.VAR_DIR)
    bases = range(FIRST_PORT, LAST_PORT - homes * PORTS_PER_HOME, 100)
    begin = zlib.crc32(str(var_dir).encode()) % len(bases)
    for step in range(len(bases)):
        base = bases[(begin + step) % len(bases)]
        if _are_free(base, homes):
            return base
    return bases[begin]  # the simulator then says which port is taken


def _are_free(base: int, homes: int) -> bool:
    return all(is_free(port, LOOPBACK) for port in range(base, base + homes * PORTS_PER_HOME))


def _state() -> Path:
    return Path(settings.VAR_DIR) / "simulator"


class _Teller:
    """Says every tenth of the way."""

    def __init__(self, say: Say, *, quiet_until: int = 0) -> None:
        self._say = say
        self._quiet_until = quiet_until
        self._told = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = done * 10 // total
        if tenth > self._told and total > self._quiet_until:
            self._told = tenth
            self._say(f"  history {tenth * 10} %")
