"""Group commit: whoever waits at the same time shares one transaction and one sync to the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from telemetry.errors import StoreBusyError, StoreUnavailableError, TelemetryError
from telemetry.stores.base import HotBatch

logger = logging.getLogger(__name__)

MAX_WAITING_READINGS = 2_000_000
MAX_WAITING_BATCHES = 10_000
MAX_GROUP_READINGS = 500_000


class _Waiting(NamedTuple):
    batch: HotBatch
    now_ms: int
    done: Future[None]


def _joined(batches: list[HotBatch]) -> HotBatch:
    if len(batches) == 1:
        return batches[0]
    return HotBatch(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


class GroupWriter:
    """One thread that writes; everyone else queues and waits for the sync."""

    def __init__(
        self,
        append: Callable[[HotBatch, int], None],
        after_group: Callable[[int], None],
        *,
        max_waiting: int = MAX_WAITING_READINGS,
    ) -> None:
        self._append = append
        self._after_group = after_group
        self._max_waiting = max_waiting
        self._queue: list[_Waiting] = []
        self._queued = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, batch: HotBatch, now_ms: int) -> Future[None]:
        """Queue valid readings; the future is done once they are durable. Refuses when too much is waiting."""
        done: Future[None] = Future()
        with self._changed:
            if self._closing:
                raise StoreUnavailableError("The store is being closed; send the readings again.")
            full = self._queued + len(batch.keys) > self._max_waiting and self._queue
            if full or len(self._queue) >= MAX_WAITING_BATCHES:
                raise StoreBusyError("More readings are waiting than can be taken; send them again in a second.")
            self._queue.append(_Waiting(batch, now_ms, done))
            self._queued += len(batch.keys)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="telemetry-writer", daemon=True)
                self._thread.start()
            self._changed.notify()
        return done

    def close(self) -> None:
        """Write what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _take(self) -> list[_Waiting]:
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            size, count = 0, 0
            for one in self._queue:
                size += len(one.batch.keys)
                if count and size > MAX_GROUP_READINGS:
                    break
                count += 1
            taken, self._queue = self._queue[:count], self._queue[count:]
            self._queued -= sum(len(one.batch.keys) for one in taken)
            return taken

    def _run(self) -> None:
        while group := self._take():
            group = [one for one in group if one.done.set_running_or_notify_cancel()]
            if not group:
                continue
            self._write(group)
            try:
                self._after_group(group[-1].now_ms)
            except TelemetryError:
                # What was written is safe; the next group or the worker's fold tries again.
                logger.warning("The inbox could not be folded now.", exc_info=True)

    def _write(self, group: list[_Waiting]) -> None:
        try:
            self._append(_joined([one.batch for one in group]), group[-1].now_ms)
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to those who wait
            if len(group) > 1 and not isinstance(error, TelemetryError):
                for one in group:
                    self._write([one])
                return
            for one in group:
                one.done.set_exception(error)
            return
        for one in group:
            one.done.set_result(None)
