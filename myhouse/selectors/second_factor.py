"""Whether and how a user is guarded by a second factor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from myhouse.models import RecoveryCode, SecondFactor, User


@dataclass(frozen=True)
class FactorState:
    """What the account page says about the second factor."""

    on: bool
    since: datetime | None = None
    recovery_left: int = 0


def factor_state(*, user: User) -> FactorState:
    """Return whether the second factor is asked for, since when, and how many recovery codes are left."""
    factor = SecondFactor.objects.filter(user_id=user.pk).first()
    if factor is None or factor.confirmed_at is None:
        return FactorState(on=False)
    left = RecoveryCode.objects.filter(user_id=user.pk, used_at=None).count()
    return FactorState(on=True, since=factor.confirmed_at, recovery_left=left)


def factor_on(*, user: User) -> bool:
    """Tell whether a code is asked for at sign-in."""
    factor = SecondFactor.objects.filter(user_id=user.pk).only("confirmed_at").first()
    return factor is not None and factor.confirmed_at is not None
