"""Where a person lived, and in whose company."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from myhouse.models import Household, Membership, User
from myhouse.models.households import Role
from myhouse.privacy.parts import Person, Span, Stay

# A supplier does not live in the household it serves.
LIVING = [Role.OWNER, Role.VIEWER]


def person_of(*, user: User, now: datetime) -> Person:
    """Collect the households a user lives or lived in; three queries."""
    own: dict[uuid.UUID, list[Span]] = defaultdict(list)
    for membership in Membership.objects.filter(user_id=user.pk, role__in=LIVING).order_by("starts_at"):
        own[membership.household_id].append((membership.starts_at, membership.ends_at))
    others: dict[uuid.UUID, list[Span]] = defaultdict(list)
    for membership in Membership.objects.filter(household_id__in=list(own), role__in=LIVING).exclude(user_id=user.pk):
        others[membership.household_id].append((membership.starts_at, membership.ends_at))
    households = Household.objects.in_bulk(list(own))
    stays = [
        Stay(
            household=households[pk],
            spans=spans,
            alone=alone_in(spans, others[pk]),
            emptied=_is_last(spans, others[pk], now),
        )
        for pk, spans in own.items()
    ]
    return Person(user, sorted(stays, key=lambda stay: (stay.spans[0], stay.household.pk)))


def alone_in(own: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Return what of one's own spans nobody else's meets."""
    alone = []
    for start, end in own:
        begin = start
        for other_start, other_end in sorted(others):
            if other_start > begin:
                alone.append((begin, min(other_start, end)))
            begin = max(begin, other_end)
            if begin >= end:
                break
        if begin < end:
            alone.append((begin, end))
    return [(start, end) for start, end in alone if start < end]


def _is_last(own: Sequence[Span], others: Sequence[Span], now: datetime) -> bool:
    """Whether nobody lives there now, or will, or moved out after the person did."""
    left = min(max(end for _start, end in own), now)
    return all(end <= left for _start, end in others)
