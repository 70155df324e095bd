"""A store that can be away: asked only while it answers, and readings wait in the spool meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from uuid import UUID

import numpy as np

from telemetry.circuit import Circuit
from telemetry.errors import ColdUnavailableError, StoreUnavailableError, UnableToWrite
from telemetry.model import Batch, Series
from telemetry.series_copy import SeriesCopy
from telemetry.spool import Spool
from telemetry.stores.base import Backend, DaySwap, HotBatch, PagesSwap, SeriesRow, Snapshot
from telemetry.validation import facts_of, validate

logger = logging.getLogger(__name__)

REPLAY_AT_ONCE = 50_000
FEW = 5_000
HANDOVER_S = 1.0
"""How long senders may be kept waiting while the last few readings are written."""
LOOK_S = 0.1


class _Hand:
    """A thread that does one thing after the other, and holds nobody up at the end of the process."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], None], Future[None]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, work: Callable[[], None]) -> Future[None]:
        """Do this next; whoever began it need not wait for it."""
        done: Future[None] = Future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="telemetry-direct", daemon=True)
            self._thread.start()
        self._work.put((work, done))
        return done

    def close(self) -> None:
        """End after what was begun."""
        self._work.put(None)

    def _run(self) -> None:
        while one := self._work.get():
            work, done = one
            try:
                work()
            except Exception as error:  # noqa: BLE001 - belongs to whoever waits
                done.set_exception(error)
            else:
                done.set_result(None)


class GuardedBackend(Backend):
    """The backend behind a circuit; its hot readings behind those that wait in the spool."""

    def __init__(self, inner: Backend, spool: Spool, circuit: Circuit) -> None:
        super().__init__(inner.url)
        self.blocks = inner.blocks
        self.inner = inner
        self.spool = spool
        self.circuit = circuit
        self.copy = SeriesCopy(spool.folder)
        self._ids: dict[int, UUID] = {}
        self._hand = _Hand()

    @classmethod
    def check_url(cls, url: str) -> None:
        """The inner backend's class does that."""

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Ask only a store that answers; what finds it away lets the circuit look."""
        self.circuit.check()
        try:
            yield
        except ColdUnavailableError:
            # The store itself answers; only what it archived does not.
            raise
        except StoreUnavailableError as error:
            self.circuit.failed(error)
            raise

    # Series

    def series_put(self, series: Sequence[Series]) -> None:
        """Register those that are new; not while the store is away."""
        with self._guarded():
            self.inner.series_put(series)

    def series_get(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """The registered ones among these ids; while the store is away as this machine remembers them.

        Of one that is not remembered nobody can say whether it is registered: then the store is missing.
        """
        listed = list(ids)
        try:
            with self._guarded():
                found = self.inner.series_get(listed)
        except StoreUnavailableError:
            found = self.copy.get(listed)
            if any(one not in found for one in listed):
                raise
        else:
            self.copy.put(found.values())
        self._ids.update((row.key, one) for one, row in found.items())
        return found

    def series_by_key(self, keys: Iterable[int]) -> dict[int, Series]:
        """The registered ones among these keys."""
        with self._guarded():
            return self.inner.series_by_key(keys)

    def series_last(self) -> int:
        """The largest key that was given to a series; 0 without any."""
        with self._guarded():
            return self.inner.series_last()

    # Hot

    def hot_append(self, batch: HotBatch, now_ms: int) -> None:
        """Durable on return: in the store, or behind what waits in the spool."""
        self.circuit.ready()
        if not self.circuit.is_away:
            # What waits may be through by the time its lock is had: then this goes straight on, and the spool ends.
            if self.spool.waits() and self.spool.append(self._named(batch), now_ms, only_behind=True):
                return
            if self._appended(batch, now_ms):
                return
        self.spool.append(self._named(batch), now_ms)

    def _appended(self, batch: HotBatch, now_ms: int) -> bool:
        """Whether the store took it; given up once the store is found away, whatever a timeout would say."""
        done = self._hand.begin(lambda: self.inner.hot_append(batch, now_ms))
        while not self.circuit.is_away:
            wait([done], LOOK_S)
            if done.done():
                try:
                    done.result()
                except StoreUnavailableError as error:
                    self.circuit.failed(error)
                    return False
                return True
        # Should it arrive all the same: the spool holds the same readings, and its numbers are later.
        return False

    def _named(self, batch: HotBatch) -> Batch:
        """The readings under the names of their series: what is back might give them other keys."""
        keys, index = np.unique(batch.keys, return_inverse=True)
        ids = [self._ids[int(key)] for key in keys]
        return Batch(ids, index.astype(np.int32).reshape(-1), batch.times, batch.values, batch.quality)

    def hot_fold(self, *, now_ms: int, only_if_due: bool) -> int:
        """Housekeeping of the hot layer; what is due can wait for the store."""
        if only_if_due and self.circuit.is_away:
            return 0
        with self._guarded():
            return self.inner.hot_fold(now_ms=now_ms, only_if_due=only_if_due)

    # Reading and changing

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Open a consistent view."""
        with self._guarded(), self.inner.reading() as snapshot:
            yield snapshot

    def days_swap(self, swaps: Sequence[DaySwap], *, over_hot: bool) -> list[int]:
        """Apply atomically all that still fit, return the positions of those that do not."""
        with self._guarded():
            return self.inner.days_swap(swaps, over_hot=over_hot)

    def pages_swap(self, swaps: Sequence[PagesSwap]) -> list[int]:
        """Apply atomically all whose version fits, return the positions of those that do not."""
        with self._guarded():
            return self.inner.pages_swap(swaps)

    def forget(self, key: int, start_ms: int, end_ms: int) -> int:
        """Erase readings and every page of the series."""
        with self._guarded():
            return self.inner.forget(key, start_ms, end_ms)

    def probe(self) -> None:
        """Ask the store something small."""
        self.inner.probe()

    def close(self) -> None:
        """Let go of files and connections."""
        self._hand.close()
        self.inner.close()


class Replayer:
    """Writes what waits in the spool, in order, as long as the store takes it."""

    def __init__(self, backend: GuardedBackend) -> None:
        self._backend = backend
        self._spool = backend.spool
        self._rows: dict[UUID, SeriesRow] = {}
        self._hand = _Hand()
        self._written = 0
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look whether something waits."""
        if not self._spool.waits() or self._backend.circuit.is_away:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="telemetry-replay", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self, patience_s: float = 5.0) -> None:
        """End after the step under way."""
        self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience_s)
        self._hand.close()

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait()
            self._wake.clear()
            try:
                self.replay()
            except StoreUnavailableError as error:
                # Tried again with the next look at the store.
                self._backend.circuit.failed(error)
            except Exception:
                logger.exception("Replaying the spool in %s failed; it is tried again.", self._spool.folder)

    def replay(self) -> None:
        """Write what waits; the rest waits on when the store goes away in between."""
        with self._spool.replaying() as is_ours:
            begun, before = time.monotonic(), self._written
            step: int | None = REPLAY_AT_ONCE
            while is_ours and step is not None and not self._ended and not self._backend.circuit.is_away:
                # Readings come while others are written: the last few are written while nobody may append, or it
                # would never end.
                step = self._handover() if step < FEW else self._step(None)
            if self._written > before:
                left = "more wait" if self._spool.waits() else "nothing waits any more"
                spent = time.monotonic() - begun
                logger.warning("%s spooled readings were written in %.1f s; %s.", self._written - before, spent, left)

    def _handover(self) -> int | None:
        until = time.monotonic() + HANDOVER_S
        with self._spool.held():
            while (step := self._step(max(0.0, until - time.monotonic()))) is not None:
                if step >= FEW:
                    return step
        return None

    def _step(self, patience_s: float | None) -> int | None:
        """Write the next records; returns how many readings those were, None once nothing waits."""
        taken = self._spool.take(REPLAY_AT_ONCE)
        if taken is None:
            return None
        for part in taken.damaged:
            self._refuse(Batch.of_rows([]), "A stretch of the spool is damaged.", part)
        count = sum(len(record.batch) for record in taken.records)
        if taken.records:
            # What was not ahead of time when it was accepted is not now, whatever the clock says by then.
            judged_ms = max(time.time_ns() // 1_000_000, *(record.accepted_ms for record in taken.records))
            self._write(Batch.concat([record.batch for record in taken.records]), judged_ms, patience_s)
        self._spool.advance(taken.upto)
        return count

    def _write(self, batch: Batch, judged_ms: int, patience_s: float | None) -> None:
        """Write readings, without those that can never be."""
        missing = [one for one in batch.series_ids if one not in self._rows]
        if missing:
            self._rows.update(self._backend.inner.series_get(missing))
        known = np.array([one in self._rows for one in batch.series_ids], np.bool_)[batch.index]
        if not known.all():
            self._refuse(_part(batch, ~known), "Their series is not registered.")
            batch = _part(batch, known)
        refused: dict[str, list[Batch]] = {}
        batch = self._sound(batch, judged_ms, refused)
        for reason, parts in refused.items():
            self._refuse(Batch.concat(parts), reason)
        if len(batch):
            hot = validate(batch, facts_of(batch.series_ids, self._rows), judged_ms)
            done = self._hand.begin(lambda: self._backend.inner.hot_append(hot, judged_ms))
            wait([done], patience_s)
            if not done.done():
                raise StoreUnavailableError("The time-series store is too slow for the last of what waits; try again.")
            done.result()
            self._written += len(batch)

    def _sound(self, batch: Batch, judged_ms: int, refused: dict[str, list[Batch]]) -> Batch:
        """What the store takes of these readings, found by halves: by series first, then in their order."""
        if not len(batch):
            return batch
        try:
            validate(batch, facts_of(batch.series_ids, self._rows), judged_ms)
        except UnableToWrite as error:
            if len(batch) == 1:
                refused.setdefault(str(error), []).append(batch)
                return _part(batch, np.zeros(1, np.bool_))
        else:
            return batch
        places = np.unique(batch.index)
        half = np.arange(len(batch)) < len(batch) // 2
        if len(places) > 1:
            half = np.isin(batch.index, places[: len(places) // 2])
        return Batch.concat([self._sound(_part(batch, chosen), judged_ms, refused) for chosen in (half, ~half)])

    def _refuse(self, batch: Batch, reason: str, damaged: bytes = b"") -> None:
        logger.error("The store refuses %s spooled readings, kept in %s: %s", len(batch), self._spool.folder, reason)
        self._spool.refuse(batch=batch, reason=reason, now_ms=time.time_ns() // 1_000_000, damaged=damaged)


def _part(batch: Batch, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Batch:
    """Some of the readings, with only the series that they name."""
    places, index = np.unique(batch.index[chosen], return_inverse=True)
    ids = [batch.series_ids[int(place)] for place in places]
    return Batch(
        ids,
        index.astype(np.int32).reshape(-1),
        batch.times[chosen],
        batch.values[chosen],
        batch.quality[chosen],
    )
