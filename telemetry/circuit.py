"""Whether a store that can be away is there: asked in the background, so that no request waits for a timeout."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from telemetry.errors import StoreUnavailableError, TelemetryError

logger = logging.getLogger(__name__)

EVERY_S = 1.0
FIRST_S = 15.0
"""How long the first request of a process waits to hear whether the store is there."""


class StoreAwayError(StoreUnavailableError):
    """The store was away when it was last asked, a second ago at most; it was not asked again."""

    retry_after_s = 5


class Circuit:
    """Closed while the store answers; open, and refusing at once, while it does not."""

    def __init__(
        self,
        probe: Callable[[], None],
        *,
        is_preparing: Callable[[], bool] = lambda: False,
        every_s: float = EVERY_S,
    ) -> None:
        self._probe = probe
        self._is_preparing = is_preparing
        self._every_s = every_s
        self._lock = threading.Lock()
        self._ask = threading.Event()
        self._known = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._reason = "it did not answer yet"
        self.away_since_ms: int | None = None
        self.on_back: Callable[[], None] = lambda: None
        self.on_turn: Callable[[], None] = lambda: None

    @property
    def is_away(self) -> bool:
        """Whether the store did not answer when it was last asked."""
        return self.away_since_ms is not None

    def begin(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._run, name="telemetry-circuit", daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """The first who come wait a moment for the first answer; a store that is being made is waited for."""
        if self._known.is_set():
            return
        while not self._known.wait(FIRST_S):
            if not self._is_preparing():
                self._open("it does not answer")

    def check(self) -> None:
        """Raise StoreAwayError at once if the store is away."""
        self.ready()
        if self.is_away:
            raise StoreAwayError(f"The time-series store is away ({self._reason}); try again in a few seconds.")

    def failed(self, error: Exception) -> None:
        """A request found the store away; look at once whether it is for all, or for that request alone."""
        logger.debug("A request found the time-series store away: %s", error)
        self._ask.set()

    def close(self) -> None:
        """End the asking."""
        self._ended.set()
        self._ask.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._probe()
            except TelemetryError as error:
                self._open(str(error))
            except Exception:
                if not threading.main_thread().is_alive():
                    # The process is ending, and the driver takes no more requests.
                    return
                logger.exception("The time-series store could not be asked")
                self._open("asking it failed")
            else:
                self._closed()
            self._known.set()
            try:
                self.on_turn()
            except Exception:
                logger.exception("What follows the asking failed")
            self._ask.wait(self._every_s)
            self._ask.clear()

    def _open(self, reason: str) -> None:
        with self._lock:
            if self.away_since_ms is not None:
                return
            self._reason = reason[:200]
            self.away_since_ms = time.time_ns() // 1_000_000
        self._known.set()
        logger.warning("The time-series store is away: %s. New readings go to the spool.", reason)

    def _closed(self) -> None:
        since = self.away_since_ms
        if since is None:
            return
        self.on_back()
        with self._lock:
            self.away_since_ms = None
        logger.warning("The time-series store is back after %.1f s.", time.time() - since / 1000)
