"""Turns that the threads of one process take; other processes are none of its business."""

from __future__ import annotations

import os
import threading
from typing import Self


class Turns:
    """One of this process's threads at a time, none of which waits for ever."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        self.lock = threading.Lock()
        # The thread whose turn it was does not exist in a forked process.
        os.register_at_fork(after_in_child=self._begin_anew)

    def one(self) -> Turn:
        """Return a turn that is still to be taken."""
        return Turn(self)

    def _begin_anew(self) -> None:
        self.lock = threading.Lock()


class Turn:
    """The turn of one thread: taken when it asks, passed on at the end of the block at the latest."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.held = False

    def __enter__(self) -> Self:
        """Begin a block in which the turn may be taken."""
        return self

    def __exit__(self, *_: object) -> None:
        """Pass it on if it was taken."""
        self.pass_on()

    def take(self) -> bool:
        """Wait for the turn, not for ever; tells whether it is ours."""
        self.held = self.held or self._turns.lock.acquire(timeout=self._turns.wait_s)
        return self.held

    def pass_on(self) -> None:
        """Let the next one go on."""
        if self.held:
            self.held = False
            self._turns.lock.release()
