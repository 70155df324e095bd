"""Forgetting what this app keeps of a person; each step may be done again after a crash."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db.models import Q

from myhouse.documents.atomic import atomic
from myhouse.models import (
    AccessToken,
    Appliance,
    AuditEntry,
    CommunityMembership,
    DisplayLink,
    Household,
    IdempotencyRecord,
    Invitation,
    Measurement,
    Membership,
    MeteringPoint,
    OutboxMessage,
    PrivacyJob,
    SupplierContract,
    Upload,
    User,
)
from myhouse.models.households import Role
from myhouse.privacy.parts import Person, Stay
from myhouse.privacy.texts import audit_neutralise
from telemetry.calendar import utc_ms
from telemetry.services import series_forget

_SESSIONS_AT_ONCE = 500


def erase(*, person: Person, pseudonym: str, now: datetime) -> None:
    """Delete what is the person's own, and make the emptied households neutral; the account itself goes last."""
    user = person.user
    mails_delete(email=user.email)
    sessions_end(user_id=user.pk)
    scopes = Q(scope__startswith=f"{user.pk} ") | Q(scope__startswith=f"page:{user.pk.hex}:")
    IdempotencyRecord.objects.filter(scopes).delete()
    _files_delete(person)
    AuditEntry.objects.filter(actor_id=user.pk).update(actor_label=pseudonym, address="")
    AuditEntry.objects.filter(actor_label=user.email).update(actor_label=pseudonym)
    audit_neutralise(Q(actor_id=user.pk) | Q(subject_id__in=_subjects(person)))
    LogEntry.objects.filter(object_id=str(user.pk)).update(object_repr=pseudonym)
    for household in person.emptied:
        _household_erase(household, now)


def readings_steps(person: Person) -> Iterator[Callable[[], object]]:
    """Yield a step per series: whole where nobody is left, else the spans in which nobody else lived there."""
    for stay in person.stays:
        points = list(MeteringPoint.objects.filter(household_id=stay.household.pk).values_list("pk", flat=True))
        series = list(Measurement.objects.filter(metering_point_id__in=points).values_list("series_id", flat=True))
        for series_id in series:
            yield partial(_readings_erase, stay, series_id)


def user_erase(*, user: User) -> None:
    """Delete the account with all that hangs on it; inside the transaction that ends the erasure."""
    Invitation.objects.filter(Q(email=user.email) | Q(invited_by_id=user.pk)).delete()
    User.objects.filter(pk=user.pk).delete()


def mails_delete(*, email: str) -> None:
    """Delete mails to an address: those owed, those sent, and those an embedded installation keeps as files."""
    OutboxMessage.objects.filter(payload__to=email).delete()
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if folder and Path(folder).is_dir():
        for file in Path(folder).iterdir():
            if file.is_file() and f"\nTo: {email}\n".encode() in file.read_bytes():
                file.unlink(missing_ok=True)


def sessions_end(*, user_id: uuid.UUID) -> None:
    """End the sessions of a user; what a session is about stands only inside it."""
    last = ""
    while found := list(Session.objects.filter(pk__gt=last).order_by("pk")[:_SESSIONS_AT_ONCE]):
        own = [one.pk for one in found if one.get_decoded().get("_auth_user_id") == str(user_id)]
        Session.objects.filter(pk__in=own).delete()
        last = found[-1].pk


def _subjects(person: Person) -> list[uuid.UUID]:
    """List whose audit entries are about the person, or about a household in which nobody is left."""
    empty = [household.pk for household in person.emptied]
    points = MeteringPoint.objects.filter(household_id__in=empty).values_list("pk", flat=True)
    memberships = Membership.objects.filter(user_id=person.user.pk).values_list("pk", flat=True)
    return [person.user.pk, *empty, *points, *memberships]


def _readings_erase(stay: Stay, series_id: uuid.UUID) -> None:
    if stay.emptied:
        series_forget(series_id=series_id)
        return
    for start, end in stay.alone:
        series_forget(series_id=series_id, start_ms=utc_ms(start), end_ms=utc_ms(end))


def _files_delete(person: Person) -> None:
    """Delete the files handed in or asked for; of a shared household only those the person handed in."""
    empty = [household.pk for household in person.emptied]
    uploads = Upload.objects.filter(Q(uploaded_by_id=person.user.pk) | Q(household_id__in=empty))
    _stored_delete(uploads.values_list("stored_path", flat=True))
    uploads.delete()
    exports = PrivacyJob.objects.filter(user_id=person.user.pk, kind="export")
    _stored_delete(exports.values_list("stored_path", flat=True))
    exports.delete()


def _stored_delete(paths: Iterable[str]) -> None:
    for path in paths:
        if path:
            default_storage.delete(path)


@atomic
def _household_erase(household: Household, now: datetime) -> None:
    """Leave of an emptied household what the ledger needs: an id, a place in time, a neutral name."""
    mark = household.pk.hex[-4:].upper()
    Household.objects.filter(pk=household.pk).update(
        name=f"Former household {mark}", suspended_reason="", erased_at=now
    )
    for model in (Appliance, SupplierContract, Invitation, DisplayLink, AccessToken):
        model._default_manager.filter(household_id=household.pk).delete()
    for number, point in enumerate(MeteringPoint.objects.filter(household_id=household.pk).order_by("pk"), start=1):
        MeteringPoint.objects.filter(pk=point.pk).update(name=f"Meter {number}")
    Membership.objects.filter(household_id=household.pk).exclude(role__in=[Role.OWNER, Role.VIEWER]).delete()
    CommunityMembership.objects.filter(household_id=household.pk, starts_at__gte=now).delete()
    CommunityMembership.objects.filter(household_id=household.pk, ends_at__gt=now).update(ends_at=now)
