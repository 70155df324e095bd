"""One way to write several documents together; the backend's transaction behind one decorator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

P = ParamSpec("P")
R = TypeVar("R")


def atomic(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in one transaction: all of its writes are kept, or none.

    A decorator and not a context manager, because a store with optimistic transactions has to run the
    whole function again after a conflict; so the function must not have effects outside the database
    (put those into the outbox or `after_commit`).
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            return function(*args, **kwargs)

    return run


def after_commit(effect: Callable[[], object]) -> None:
    """Call `effect` once the surrounding transaction is durable; at once when there is none."""
    transaction.on_commit(effect)
