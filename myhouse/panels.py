"""What upper floors show on a household's page: each dotted path in `DASHBOARD_PANELS` returns one panel."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from myhouse.models import Household, User

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Panel:
    """A card of the household page: a template of the app that hands it up, and what it shows."""

    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    url: str = ""  # where the title leads, if anywhere
    order: int = 100


PanelSource = Callable[..., "Panel | None"]


def panels_of(*, household: Household, now: datetime) -> list[Panel]:
    """Return the panels for a household in their order; one that breaks is left out and logged."""
    return _collected(settings.DASHBOARD_PANELS, household=household, now=now)


def operator_panels_of(*, user: User, now: datetime) -> list[Panel]:
    """Return the panels of the operator's page for a member of staff, in their order."""
    return _collected(settings.OPERATOR_PANELS, user=user, now=now)


def _collected(paths: list[str], **asked: Any) -> list[Panel]:
    panels: list[Panel] = []
    for path in paths:
        source: PanelSource = import_string(path)
        try:
            panel = source(**asked)
        except Exception:
            # The page must not go dark because a part on an upper floor fails.
            logger.exception("The panel %s failed for %s", path, asked)
            continue
        if panel is not None:
            panels.append(panel)
    return sorted(panels, key=lambda panel: (panel.order, panel.title))
