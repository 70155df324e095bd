"""One at a time changes the files of a bucket: archive runs and erasures, on any machine.

The lease is a block under the series key 0, which no series has, replaced by the same compare-and-set as every block:
no backend needs a lock of its own. Who holds it renews it before every step that takes something away; a lease that
nobody renewed while another watched for LEASE_S was left by a process that died. No clocks are compared.
"""

from __future__ import annotations

import secrets
import time
from types import TracebackType
from typing import Self

import numpy as np

from telemetry.codec import columns_decode, columns_encode
from telemetry.errors import StoreBusyError
from telemetry.model import DAY_MS, Columns
from telemetry.stores.base import Backend, DaySwap

KEY = 0
LEASE_S = 60.0
WAIT_S = 300.0
_FREE = 0.0
_LOOK_S = 0.05


class LeaseLostError(StoreBusyError):
    """Another process took the lease over: this one was held up for too long."""


class Lease:
    """The right to change a bucket's files, for the length of a `with`."""

    def __init__(self, backend: Backend, bucket: int, *, lease_s: float = LEASE_S, wait_s: float = WAIT_S) -> None:
        self._backend = backend
        self._bucket = bucket
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._holder = float(secrets.randbits(50) + 1)
        self._renewed = 0.0

    def __enter__(self) -> Self:
        began = seen_at = time.monotonic()
        seen = -1
        while True:
            rev, holder = self._state()
            now = time.monotonic()
            if rev != seen:
                seen, seen_at = rev, now
            if (holder == _FREE or now - seen_at >= self._lease_s) and self._put(self._holder, rev):
                return self
            if now - began >= self._wait_s:
                raise StoreBusyError("The archived days are being worked on by another process; try again later.")
            time.sleep(_LOOK_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        rev, holder = self._state()
        if holder == self._holder:
            self._put(_FREE, rev)

    def keep(self) -> None:
        """Renew now and then; called between the steps of long work."""
        if time.monotonic() - self._renewed >= self._lease_s / 10:
            self.renew()

    def renew(self) -> None:
        """Say that this process is still at it; LeaseLostError if another has taken over."""
        rev, holder = self._state()
        if holder != self._holder or not self._put(self._holder, rev):
            raise LeaseLostError("Another process has taken over the archived days; nothing is lost, run it again.")

    def _state(self) -> tuple[int, float]:
        with self._backend.reading() as snapshot:
            blocks = snapshot.days(KEY, self._bucket, self._bucket)
        return (blocks[0].rev, float(columns_decode(blocks[0].data).values[0])) if blocks else (0, _FREE)

    def _put(self, holder: float, rev: int) -> bool:
        columns = Columns(np.array([self._bucket * DAY_MS], np.int64), np.array([holder]), np.zeros(1, np.uint8))
        swap = DaySwap(KEY, self._bucket, columns, columns_encode(columns), rev, 0, changed=False)
        self._renewed = time.monotonic()
        return not self._backend.days_swap([swap], over_hot=False)
