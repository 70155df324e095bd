"""Whose turn it is when a run cannot serve everybody."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import ParamSpec

from telemetry.errors import StoreUnavailableError
from telemetry.selectors import store_state

_RUN_S = 60

P = ParamSpec("P")
logger = logging.getLogger(__name__)


def waits_for_readings(run: Callable[P, int]) -> Callable[P, int]:
    """Let a run that decides by the meters wait while readings are missing: what is not there yet is not nothing."""

    @wraps(run)
    def run_or_wait(*args: P.args, **kwargs: P.kwargs) -> int:
        state = store_state()
        if not state.is_whole:
            reason = f"{state.spooled_readings} readings are in the spool" if state.reachable else "the store is away"
            logger.warning("%s waits for the meters: %s.", run.__name__, reason)
            return 0
        try:
            return run(*args, **kwargs)
        except StoreUnavailableError as error:
            logger.warning("%s waits for the meters: %s", run.__name__, error)
            return 0

    return run_or_wait


def turn_of(ids: Iterable[uuid.UUID], *, now: datetime, at_most: int) -> list[uuid.UUID]:
    """Return up to so many of the ids: each minute the next ones of their order, so that everybody's turn comes.

    Nothing is remembered: one that cannot be served (its meter is silent) holds nobody up, whichever worker runs.
    """
    ordered = sorted(set(ids))
    if len(ordered) <= at_most:
        return ordered
    start = int(now.timestamp()) // _RUN_S * at_most % len(ordered)
    return (ordered + ordered)[start : start + at_most]


def all_served(ids: Iterable[uuid.UUID], serve: Callable[[uuid.UUID], object]) -> None:
    """Serve each; one that fails does not keep the others waiting, but fails the run when all had their turn."""
    failed: Exception | None = None
    for one in ids:
        try:
            serve(one)
        except StoreUnavailableError as error:
            logger.warning("Household %s waits: its readings cannot be read now", one)
            failed = failed or error
        except Exception as error:
            logger.exception("Household %s could not be served", one)
            failed = failed or error
    if failed is not None:
        raise failed
