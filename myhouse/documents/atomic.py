"""One way to write several documents together; the backend's transaction behind one decorator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection, transaction

from myhouse.documents.turn import Turns

P = ParamSpec("P")
R = TypeVar("R")


class _Here(threading.local):
    """How many of our blocks this thread is in, and what an inner one of them failed with."""

    depth = 0
    failure: BaseException | None = None


_here = _Here()


# The writers of an SQLite file take turns anyway. But SQLite lets one that finds another at it sleep and try again,
# longer each time; who waits here goes on the moment the one before has committed. When no turn comes, SQLite decides.
_turns = Turns(wait_s=20.0)


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
        def block() -> R:
            return function(*args, **kwargs)

        return _mongodb(block) if connection.vendor == "mongodb" else _sqlite(block)

    return run


def guard(*key: object) -> None:
    """Let no two blocks hold that rely on the same rule; call it before reading what the rule is about.

    For rules that no index and no conditional update keeps, as "no two contracts overlap" or "at most fifty": where
    writers take turns (SQLite) nothing is to be done; elsewhere one of two such blocks at once runs again.
    """
    if connection.vendor == "mongodb":
        from myhouse.documents.mongo import guard_touch

        guard_touch(connection, ":".join(map(str, key)))


def after_commit(effect: Callable[[], object]) -> None:
    """Call `effect` once the surrounding transaction is durable; at once when there is none."""
    transaction.on_commit(effect)


def _sqlite(block: Callable[[], R]) -> R:
    if _here.depth:
        with transaction.atomic(savepoint=False):
            return _joined(block)
    with _turns.one() as turn:
        free = not transaction.get_connection().in_atomic_block and turn.take()
        with transaction.atomic():
            if free:
                # The next one may write once the commit is done, before its effects, which may take their time.
                transaction.on_commit(turn.pass_on)
            return _outermost(block)


def _mongodb(block: Callable[[], R]) -> R:
    """Join the block around, or begin a transaction."""
    if _here.depth:
        return _joined(block)
    from myhouse.documents.mongo import transaction_run

    backend: Any = connection
    return transaction_run(backend, lambda: _outermost(block))


def _joined(block: Callable[[], R]) -> R:
    """Run inside the block around; what fails here is not kept by one who catches it."""
    try:
        return _deeper(block)
    except BaseException as failure:
        _here.failure = failure
        raise


def _outermost(block: Callable[[], R]) -> R:
    """Say aloud that nothing is kept when a block inside failed and somebody caught that."""
    _here.failure = None
    result = _deeper(block)
    if _here.failure is not None:
        raise transaction.TransactionManagementError("A block inside this one failed.") from _here.failure
    return result


def _deeper(block: Callable[[], R]) -> R:
    _here.depth += 1
    try:
        return block()
    finally:
        _here.depth -= 1
