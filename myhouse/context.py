"""What every page's frame shows: the households of the visitor and which of them is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone

from myhouse.selectors.households import accesses_of

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from django.http import HttpRequest

    from myhouse.models import Household, User
    from myhouse.selectors.households import Access

SESSION_HOUSEHOLD = "household_id"
_KEPT = "_frame_accesses"


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """Give templates `households`, `household` (the one last opened, or None) and `access`.

    A view that shows a household puts its own `household` and `access` over these.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"households": [], "household": None, "access": None}
    accesses = frame_accesses(request, timezone.now())
    access = current_access(request, accesses)
    return {
        "households": [one.household for one in accesses],
        "household": access.household if access else None,
        "access": access,
    }


def frame_accesses(request: HttpRequest, now: datetime) -> list[Access]:
    """Return what the signed-in visitor may open, read once for a request however often it is asked."""
    user = cast("User", request.user)
    known: tuple[uuid.UUID, list[Access]] | None = getattr(request, _KEPT, None)
    if known is None or known[0] != user.pk:
        known = (user.pk, accesses_of(user=user, now=now))
        setattr(request, _KEPT, known)
    return known[1]


def current_access(request: HttpRequest, accesses: list[Access]) -> Access | None:
    """Return the household the visitor last opened, else the first; None without any."""
    chosen = request.session.get(SESSION_HOUSEHOLD)
    for access in accesses:
        if str(access.household.pk) == chosen:
            return access
    return accesses[0] if accesses else None


def household_remember(request: HttpRequest, household: Household) -> None:
    """Keep the household as the visitor's current one for this session."""
    if request.session.get(SESSION_HOUSEHOLD) != str(household.pk):
        request.session[SESSION_HOUSEHOLD] = str(household.pk)
