"""What upper floors do when a household's life changes: `HOUSEHOLD_LIFECYCLE` names modules of theirs.

Such a module has a function for each event it cares about, called inside the transaction of the change itself:
`household_suspended(*, household, actor, now)` and `household_resumed(*, household, actor, now)`. What it raises
undoes the whole change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from myhouse.documents.services import Actor
    from myhouse.models import Household


class Event(StrEnum):
    """The moments of a household's life, named like the functions that hear of them."""

    SUSPENDED = "household_suspended"
    RESUMED = "household_resumed"


def lifecycle_tell(*, event: Event, household: Household, actor: Actor, now: datetime) -> None:
    """Tell the upper floors, in the order of the setting."""
    for path in settings.HOUSEHOLD_LIFECYCLE:
        heard: Callable[..., object] | None = getattr(import_module(path), event.value, None)
        if heard is not None:
            heard(household=household, actor=actor, now=now)
