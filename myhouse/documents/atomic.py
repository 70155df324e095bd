"""One way to write several documents together; the backend's transaction behind one decorator."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

P = ParamSpec("P")
R = TypeVar("R")


class _Here(threading.local):
    """How many of our blocks this thread is in."""

    depth = 0


_here = _Here()


class _Turn:
    """The turn of one of this process's threads to write.

    The writers of an SQLite file take turns anyway. But SQLite lets one that finds another at it sleep and try again,
    longer each time; who waits here goes on the moment the one before has committed. Other processes are none of its
    business, and a turn that does not come is not waited for for ever: then SQLite decides.
    """

    _WAIT_S = 20.0
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.held = False

    def __enter__(self) -> None:
        here = transaction.get_connection()
        if here.vendor == "sqlite" and not here.in_atomic_block:
            self.held = self._lock.acquire(timeout=self._WAIT_S)

    def __exit__(self, *_: object) -> None:
        self.pass_on()

    def pass_on(self) -> None:
        """Let the next one write: once the commit is done, before its effects, which may take their time."""
        if self.held:
            self.held = False
            self._lock.release()

    @classmethod
    def begin_anew(cls) -> None:
        """Forget whose turn it was: that thread does not exist in a forked process."""
        cls._lock = threading.Lock()


os.register_at_fork(after_in_child=_Turn.begin_anew)


def atomic(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in one transaction: all of its writes are kept, or none.

    A decorator and not a context manager, because a store with optimistic transactions has to run the
    whole function again after a conflict; so the function must not have effects outside the database
    (put those into the outbox or `after_commit`).

    A block inside another one belongs to it: when the inner one fails, the outer one fails as a whole, even if it
    caught the error. (Not every store can take back a part of a transaction.)
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        turn = _Turn()
        with turn, transaction.atomic(savepoint=_here.depth == 0):
            if turn.held:
                transaction.on_commit(turn.pass_on)
            _here.depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                _here.depth -= 1

    return run


def after_commit(effect: Callable[[], object]) -> None:
    """Call `effect` once the surrounding transaction is durable; at once when there is none."""
    transaction.on_commit(effect)
