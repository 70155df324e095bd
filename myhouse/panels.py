"""What the apps show on a household's page and on the operators' start page, each named by a dotted path.

`DASHBOARD_PANELS` names functions that return a `Panel` for a household, `OPERATOR_PANELS` functions that return an
`Overview` of what a member of staff may see.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from myhouse.charts.model import Chart
    from myhouse.models import Community, Household
    from myhouse.selectors.staff import StaffScope

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Panel:
    """A card of the household page: a template of the app that hands it up, and what it shows."""

    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    url: str = ""  # where the title leads, if anywhere
    order: int = 100


@dataclass(frozen=True)
class Figure:
    """One number of the operators' start page, leading to the rows it counts."""

    title: str
    value: str
    url: str = ""
    note: str = ""
    tone: str = ""  # "good", "warn" or "bad" where it says how things stand, always beside words


@dataclass(frozen=True)
class Overview:
    """What one app shows on the operators' start page."""

    title: str
    figures: list[Figure]
    charts: list[Chart] = field(default_factory=list)
    order: int = 100


T = TypeVar("T", Panel, Overview)


def panels_of(*, household: Household, community: Community | None, now: datetime) -> list[Panel]:
    """Return the panels for a household and its community in their order; one that breaks is left out and logged."""
    return _collected(settings.DASHBOARD_PANELS, household=household, community=community, now=now)


def overviews_of(*, scope: StaffScope, now: datetime) -> list[Overview]:
    """Return what the operators' start page shows this member of staff, in its order."""
    return _collected(settings.OPERATOR_PANELS, scope=scope, now=now)


def _collected(paths: list[str], **asked: Any) -> list[T]:
    collected: list[T] = []
    for path in paths:
        source: Callable[..., T | None] = import_string(path)
        try:
            one = source(**asked)
        except Exception:
            # The page must not go dark because a part on an upper floor fails.
            logger.exception("The panel %s failed for %s", path, asked)
            continue
        if one is not None:
            collected.append(one)
    return sorted(collected, key=lambda one: (one.order, one.title))
