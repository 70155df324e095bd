"""The store of a process whose server can be away: writes never wait for it, reads say at once that it is missing."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from uuid import UUID

from telemetry.circuit import Circuit
from telemetry.errors import StoreUnavailableError
from telemetry.guard import GuardedBackend, Replayer
from telemetry.model import Batch, WriteResult
from telemetry.spool import Spool, Waiting
from telemetry.spool_news import SpoolNews
from telemetry.store import Progress, Store
from telemetry.stores.base import Backend

logger = logging.getLogger(__name__)

HISTORY_AT_MOST = 500_000
"""More readings at once than this are an import, which waits for the store itself."""


class SpooledStore(Store):
    """A store with a spool in front; `away_since_ms` and `waiting()` say how things stand."""

    def __init__(self, inner: Backend, folder: Path, *, max_bytes: int, redis_url: str | None = None) -> None:
        self.spool = Spool(folder, max_bytes=max_bytes)
        self.circuit = Circuit(inner.probe, is_preparing=lambda: inner.is_preparing)
        guarded = GuardedBackend(inner, self.spool, self.circuit)
        super().__init__(guarded)
        self._replayer = Replayer(guarded)
        self.news = SpoolNews(redis_url, self.spool)
        self.circuit.on_back = self._back
        self.circuit.on_turn = self._turn
        self.circuit.begin()

    @property
    def is_spooling(self) -> bool:
        """Whether readings taken now wait before they can be read."""
        return self.circuit.is_away or self.spool.waits()

    @property
    def is_full(self) -> bool:
        """Whether readings were refused lately because the spool holds as much as it may."""
        return time.monotonic() < self.spool.full_until

    def waiting(self) -> Waiting:
        """What waits in this machine's spool."""
        try:
            return self.spool.state()
        except OSError as error:
            logger.warning("The spool in %s cannot be looked into: %s", self.spool.folder, error)
            return Waiting(0, 0, None, 0)

    def history_write(self, batch: Batch, now_ms: int, progress: Progress | None = None) -> WriteResult:
        """Seal past days directly; while the store is away or readings wait, go behind them if it is not too much."""
        if not self.is_spooling:
            try:
                return super().history_write(batch, now_ms, progress)
            except StoreUnavailableError:
                if len(batch) > HISTORY_AT_MOST:
                    raise
        if len(batch) > HISTORY_AT_MOST:
            raise StoreUnavailableError("The time-series store is away: import again once it is back.")
        result = self.write(batch, now_ms)
        if progress is not None:
            progress(len(batch), len(batch))
        return result

    def forget(self, series_id: UUID, start_ms: int | None, end_ms: int | None) -> int:
        """Erase readings, once nothing waits on any machine: what waits would come back."""
        if self.spool.waits() or any(one.waiting.readings for one in self.news.elsewhere()):
            raise StoreUnavailableError("Readings wait to be written to the time-series store; erase once they are.")
        return super().forget(series_id, start_ms, end_ms)

    def _back(self) -> None:
        # What was remembered meanwhile came from a copy: from now on the store itself is asked.
        self.rows_forget()

    def _turn(self) -> None:
        self._replayer.wake()
        self.news.tell(away_since_ms=self.circuit.away_since_ms)

    def close(self) -> None:
        """Write what waits in memory, then let go; what waits in the spool stays there."""
        self.circuit.close()
        self._replayer.close()
        super().close()
