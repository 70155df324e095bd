"""Small requests that arrive at the same moment are written together, and answered together once durable."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from django.utils.translation import gettext as _

from devices.intake import Row
from telemetry.errors import StoreBusyError, UnableToWrite
from telemetry.model import Batch
from telemetry.services import readings_write_async

WRITES_AT_ONCE = 2
"""While one write waits for the disk the next is prepared."""
WAITING_AT_MOST = 10_000


class Gather:
    """The requests of one event loop that wait for their readings to be durable."""

    def __init__(self) -> None:
        self._waiting: list[tuple[list[Row], int, asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, rows: list[Row], *, now_ms: int) -> None:
        """Return once these readings are durable."""
        if len(self._waiting) >= WAITING_AT_MOST:
            raise StoreBusyError(_("Too many requests wait for the store: send it again in a second."))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, now_ms, done))
        self._start()
        await done

    def _start(self) -> None:
        if self._waiting and len(self._tasks) < WRITES_AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._run())
            self._tasks.add(task)

    async def _run(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                await self._together(waiting)
        finally:
            self._tasks.discard(asyncio.current_task())
            self._start()

    async def _together(self, waiting: list[tuple[list[Row], int, asyncio.Future[None]]]) -> None:
        try:
            await _write(
                [row for rows, _now, _done in waiting for row in rows], max(now for _rows, now, _d in waiting)
            )
        except UnableToWrite as error:
            if len(waiting) > 1 and not isinstance(error, StoreBusyError):
                # One request's readings must not cost those of the others.
                for one in waiting:
                    await self._together([one])
                return
            _fail(waiting, error)
        except Exception as error:  # noqa: BLE001 - belongs to the requests that wait
            _fail(waiting, error)
        else:
            for _rows, _now, done in waiting:
                if not done.done():
                    done.set_result(None)


async def _write(rows: list[Row], now_ms: int) -> None:
    batch = Batch.of_rows((row.target.series_id, row.time_ms, row.value, row.quality) for row in rows)
    await readings_write_async(batch=batch, now_ms=now_ms)


def _fail(waiting: list[tuple[list[Row], int, asyncio.Future[None]]], error: Exception) -> None:
    for _rows, _now, done in waiting:
        if not done.done():
            done.set_exception(error)


_gathers: WeakKeyDictionary[asyncio.AbstractEventLoop, Gather] = WeakKeyDictionary()


def gather_current() -> Gather:
    """Return the gathering of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _gathers.get(loop)
    if found is None:
        found = _gathers[loop] = Gather()
    return found
