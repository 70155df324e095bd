"""One asyncio loop per worker process, in a thread of its own: it holds the connections and asks the devices."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devices.drivers import ConnectionPool, ModbusDevice, Reading, UnableToRead, UnknownModel, model_load, readings_at
from devices.selectors import PollPlan

ANSWER_S = 2.0
"""How long one request may take."""
DEVICE_S = 5.0
"""How long a whole device may take, all its requests together."""
FLUSH_S = 0.15
"""Results wait at most so long for others to be written with them."""
IDLE_S = 30.0
"""A connection unused for so long is closed: with several workers, another one polls the device now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one poll: readings at a time, or why there are none and whether trying again helps."""

    plan: PollPlan
    token: str
    time_ms: int
    readings: list[Reading]
    error: str = ""
    retry: bool = True


Sink = Callable[[list[Answer]], None]


class PollLoop:
    """Polls devices side by side; `sink` gets the answers in small batches, in a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._answers: list[Answer] = []
        self._loop = asyncio.new_event_loop()
        self._pool = ConnectionPool(idle_s=IDLE_S)
        self._flush: asyncio.Task[None] | None = None
        self._polls: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="devices-poll", daemon=True)
        self._thread.start()

    def submit(self, plans: Iterable[PollPlan], *, token: str) -> None:
        """Begin to poll these devices, and return at once."""
        listed = list(plans)
        self._count(len(listed))
        self._loop.call_soon_threadsafe(self._begin, listed, token)

    def wait(self, *, timeout_s: float) -> bool:
        """Wait until nothing is under way; returns whether that came to be."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if not self._under_way:
                return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """End the loop and its connections."""
        self._loop.call_soon_threadsafe(self._pool.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _begin(self, plans: list[PollPlan], token: str) -> None:
        for plan in plans:
            task = self._loop.create_task(self._poll(plan, token))
            self._polls.add(task)
            task.add_done_callback(self._polls.discard)

    async def _poll(self, plan: PollPlan, token: str) -> None:
        readings: list[Reading] = []
        error, retry = "", True
        try:
            async with asyncio.timeout(DEVICE_S):
                device = ModbusDevice(model=model_load(plan.model), unit_id=plan.unit_id, timeout_s=ANSWER_S)
                readings = await device.read(self._pool.connection(plan.host, plan.port))
        except UnableToRead as problem:
            error, retry = str(problem), problem.retry
        except UnknownModel as problem:
            error, retry = str(problem), False
        except TimeoutError:
            error = (
                f"{plan.host}:{plan.port} unit {plan.unit_id} took longer than {DEVICE_S:g} s for all its registers."
            )
        except Exception as problem:  # noqa: BLE001 - a fault with one device is reported there, and stops no other
            error = f"{type(problem).__name__}: {problem}"
        time_ms = time.time_ns() // 1_000_000
        placed = readings_at(readings, plan.role) if readings else []
        self._answers.append(Answer(plan, token, time_ms, placed, error, retry))
        if self._flush is None or self._flush.done():
            self._flush = self._loop.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FLUSH_S)
        while self._answers:
            taken, self._answers = self._answers, []
            await asyncio.to_thread(self._sink, taken)
            self._count(-len(taken))

    def _count(self, change: int) -> None:
        with self._counting:
            self._under_way += change


def by_token(answers: Iterable[Answer]) -> dict[str, list[uuid.UUID]]:
    """Return which devices each lock token holds."""
    found: dict[str, list[uuid.UUID]] = {}
    for answer in answers:
        found.setdefault(answer.token, []).append(answer.plan.device_id)
    return found
