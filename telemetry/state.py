"""How the store stands, for pages, health checks, and whoever must not decide on what is not there yet."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.spooled import SpooledStore
from telemetry.store import Store


@dataclass(frozen=True)
class StoreState:
    """Whether the store answers and since when not; what waits in the spools of all machines, and was refused."""

    reachable: bool
    since_ms: int | None
    spooled_readings: int
    spooled_bytes: int
    oldest_ms: int | None
    refused: int
    full: bool = False
    is_server: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether everything that was acknowledged can be read."""
        return self.reachable and not self.spooled_readings


def minutes_since(moment_ms: int | None, now_ms: int) -> int:
    """How many minutes ago that was, at least one."""
    return 1 if moment_ms is None else max(1, -(-(now_ms - moment_ms) // 60_000))


def state_of(store: Store) -> StoreState:
    """The state of a store; one that cannot be away is always whole."""
    if not isinstance(store, SpooledStore):
        return StoreState(True, None, 0, 0, None, 0)
    store.circuit.ready()
    own = store.waiting()
    all_ = [own, *(one.waiting for one in store.news.elsewhere())]
    waiting = sum(one.readings for one in all_)
    return StoreState(
        reachable=not store.circuit.is_away,
        since_ms=store.circuit.away_since_ms,
        spooled_readings=waiting,
        spooled_bytes=sum(one.size for one in all_ if one.readings),
        oldest_ms=min((one.oldest_ms for one in all_ if one.oldest_ms is not None), default=None),
        refused=sum(one.refused for one in all_),
        full=store.is_full,
        is_server=True,
    )


def is_spooling_to(store: Store) -> bool:
    """Whether readings wait in the spool before the store has them."""
    return isinstance(store, SpooledStore) and store.is_spooling
