"""Whose turn it is when a run cannot serve everybody."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

_RUN_S = 60

logger = logging.getLogger(__name__)


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
        except Exception as error:
            logger.exception("Household %s could not be served", one)
            failed = failed or error
    if failed is not None:
        raise failed
