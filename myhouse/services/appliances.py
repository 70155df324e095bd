"""What a household says it owns: counts per kind and appliances of its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.appliances_rules import TYPICAL
from myhouse.documents.atomic import atomic, guard
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, UnableTo
from myhouse.models import Appliance, Household, MeteringPoint
from myhouse.models.appliances import ApplianceKind

COUNT_AT_MOST = 999
POWER_AT_MOST_W = 100_000
MINUTES_AT_MOST = 24 * 60
_OWN_AT_MOST = 100
# Kinds that are counted, in the order they are shown.
COUNTED = tuple(kind for kind in ApplianceKind.values if kind in TYPICAL)


class UnableToSaveAppliance(UnableTo):
    """The appliance or count cannot be so."""


@atomic
def appliances_set_counts(*, household: Household, counts: Mapping[str, int], actor: Actor, now: datetime) -> None:
    """Set how many of the given kinds there are; kinds not named keep their count."""
    errors = [
        FieldError(kind, _("Give a whole number from 0 to %(limit)s.") % {"limit": COUNT_AT_MOST})
        for kind, count in counts.items()
        if kind in COUNTED and not _whole(count, COUNT_AT_MOST)
    ]
    errors += [
        FieldError(kind, _("There is no such kind. Choose from: %(list)s.") % {"list": ", ".join(COUNTED)})
        for kind in counts
        if kind not in COUNTED
    ]
    if errors:
        raise UnableToSaveAppliance(_("The counts were not saved."), errors=errors)
    existing = {one.kind: one for one in Appliance.objects.filter(household=household, kind__in=list(counts))}
    changed: dict[str, int] = {}
    for kind, count in counts.items():
        row = existing.get(kind)
        if row is None and count:
            Appliance.objects.create(household=household, kind=kind, count=count, created_at=now)
        elif row is not None and row.count != count:
            Appliance.objects.filter(pk=row.pk).update(count=count)
        else:
            continue
        changed[kind] = count
    if changed:
        audit_record(actor=actor, action="appliances.counts", now=now, subject=household, details=changed)


@atomic
def own_appliance_add(
    *,
    household: Household,
    name: str,
    rated_power_w: int,
    daily_use_minutes: int,
    actor: Actor,
    now: datetime,
    count: int = 1,
    metering_point: MeteringPoint | None = None,
) -> Appliance:
    """Add an appliance of the household's own with its rated power and typical use."""
    guard("appliances", household.pk)
    appliance = Appliance(household=household, kind=ApplianceKind.OWN, created_at=now)
    if Appliance.objects.filter(household=household, kind=ApplianceKind.OWN).count() >= _OWN_AT_MOST:
        raise UnableToSaveAppliance(
            _("A household has at most %(limit)s appliances of its own. Remove one first.") % {"limit": _OWN_AT_MOST}
        )
    _fill(
        appliance,
        name=name,
        count=count,
        rated_power_w=rated_power_w,
        daily_use_minutes=daily_use_minutes,
        metering_point=metering_point,
    )
    appliance.save(force_insert=True)
    audit_record(actor=actor, action="appliance.add", now=now, subject=appliance, details={"name": appliance.name})
    return appliance


@atomic
def own_appliance_change(
    *,
    appliance: Appliance,
    name: str,
    count: int,
    rated_power_w: int,
    daily_use_minutes: int,
    metering_point: MeteringPoint | None,
    actor: Actor,
    now: datetime,
) -> Appliance:
    """Change an appliance of the household's own."""
    if appliance.kind != ApplianceKind.OWN:
        raise UnableToSaveAppliance(_("Only appliances of your own have a name. Set the count instead."), field="name")
    _fill(
        appliance,
        name=name,
        count=count,
        rated_power_w=rated_power_w,
        daily_use_minutes=daily_use_minutes,
        metering_point=metering_point,
    )
    appliance.save()
    audit_record(actor=actor, action="appliance.change", now=now, subject=appliance, details={"name": appliance.name})
    return appliance


@atomic
def own_appliance_remove(*, appliance: Appliance, actor: Actor, now: datetime) -> None:
    """Remove an appliance; what its meter measured stays with the metering point."""
    audit_record(actor=actor, action="appliance.remove", now=now, subject=appliance, details={"name": appliance.name})
    appliance.delete()


@atomic
def appliance_meter_set(
    *, household: Household, kind: str, metering_point: MeteringPoint | None, actor: Actor, now: datetime
) -> Appliance:
    """Say which meter measures all appliances of a counted kind (or none): it replaces their estimate."""
    if kind not in COUNTED:
        raise UnableToSaveAppliance(_("There is no such kind. Choose from the list."), field="kind")
    appliance = Appliance.objects.filter(household=household, kind=kind).first() or Appliance(
        household=household, kind=kind, count=0, created_at=now
    )
    _require_own_point(household.pk, metering_point)
    appliance.metering_point = metering_point
    appliance.save()
    audit_record(actor=actor, action="appliance.meter", now=now, subject=appliance, details={"kind": kind})
    return appliance


def _fill(
    appliance: Appliance,
    *,
    name: str,
    count: int,
    rated_power_w: int,
    daily_use_minutes: int,
    metering_point: MeteringPoint | None,
) -> None:
    """Put checked values into the row; nothing is written when one is wrong."""
    name = " ".join(name.split())
    errors = []
    if not 1 <= len(name) <= 80:
        errors.append(FieldError("name", _("Give the appliance a name of at most 80 characters.")))
    elif _name_taken(appliance, name):
        errors.append(FieldError("name", _("You have an appliance of this name. Choose another name.")))
    for field, value, limit in (
        ("count", count, COUNT_AT_MOST),
        ("rated_power_w", rated_power_w, POWER_AT_MOST_W),
        ("daily_use_minutes", daily_use_minutes, MINUTES_AT_MOST),
    ):
        if not _whole(value, limit):
            errors.append(FieldError(field, _("Give a whole number from 0 to %(limit)s.") % {"limit": limit}))
    if errors:
        raise UnableToSaveAppliance(_("The appliance was not saved."), errors=errors)
    _require_own_point(appliance.household_id, metering_point)
    appliance.name, appliance.count = name, count
    appliance.rated_power_w, appliance.daily_use_minutes = rated_power_w, daily_use_minutes
    appliance.metering_point = metering_point


def _name_taken(appliance: Appliance, name: str) -> bool:
    same = Appliance.objects.filter(household_id=appliance.household_id, kind=ApplianceKind.OWN, name=name)
    return same.exclude(pk=appliance.pk).exists()


def _require_own_point(household_id: uuid.UUID, point: MeteringPoint | None) -> None:
    if point is not None and point.household_id != household_id:
        raise UnableToSaveAppliance(
            _("The meter must be one of this household. Choose from the list."), field="metering_point"
        )


def _whole(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit
