"""One way to write several documents together; the backend's transaction behind one decorator."""

from __future__ import annotations

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
        with transaction.atomic(savepoint=_here.depth == 0):
            _here.depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                _here.depth -= 1

    return run


def after_commit(effect: Callable[[], object]) -> None:
    """Call `effect` once the surrounding transaction is durable; at once when there is none."""
    transaction.on_commit(effect)
