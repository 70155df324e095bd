"""The part of a person's data that this app keeps: the account, the households, their readings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.utils.translation import gettext as _

from myhouse.models import (
    AccessToken,
    Appliance,
    AuditEntry,
    Battery,
    CommunityMembership,
    CommunityRole,
    FailedTask,
    Household,
    Invitation,
    Measurement,
    Membership,
    MeteringPoint,
    Notice,
    OutboxMessage,
    PrivacyJob,
    SecondFactor,
    SupplierContract,
    Upload,
    User,
)
from myhouse.models.households import Role
from myhouse.privacy.erasing import erase
from myhouse.privacy.files import (
    document_file,
    documents,
    household_folder,
    list_file,
    path_part,
    readings_file,
    row_document,
)
from myhouse.privacy.parts import Person, PersonFile, Stay
from myhouse.privacy.people import LIVING
from telemetry.calendar import utc_ms
from telemetry.selectors import series_get_many

if TYPE_CHECKING:
    from myhouse.documents.services import Actor

__all__ = ["TEXTS", "erase", "files", "leave", "obstacles"]

TEXTS: list[tuple[type[Model], str]] = [
    (AuditEntry, "actor_label"),
    (AuditEntry, "details"),
    (OutboxMessage, "payload"),
    (OutboxMessage, "last_error"),
    (Notice, "text"),
    (Household, "suspended_reason"),
    (FailedTask, "arguments"),
    (FailedTask, "body"),
    (FailedTask, "error"),
    (FailedTask, "traceback"),
    (LogEntry, "object_repr"),
    (LogEntry, "change_message"),
]
_README = """This archive holds what MyHouse keeps about you.

account/     your account, memberships, notices, tokens, mails still kept, and what was done by you or to your account
households/  each household you live or lived in: meters, devices, appliances, contracts, trades, money, and
             readings as one CSV per measurement, of the time you lived there

Times are in UTC, energy in whole Wh, money in millionths of a cent (uct).
"""


def files(*, person: Person, now: datetime) -> Iterator[PersonFile]:
    """Yield the account, then each household with its readings."""
    yield PersonFile("README.txt", lambda: [_README.encode()])
    yield from _account_files(person.user)
    for stay in person.stays:
        yield from _household_files(stay, now)


def obstacles(*, person: Person, now: datetime) -> list[str]:
    """Say what others would be left without."""
    return [*_managing(person.user), *_owning(person, now), *_operating(person.user), *_importing(person)]


def leave(*, person: Person, actor: Actor, now: datetime) -> None:
    """Close the account, and suspend the households in which nobody is left, so that nothing new happens there."""
    User.objects.filter(pk=person.user.pk).update(is_active=False)
    AccessToken.objects.filter(user_id=person.user.pk).delete()
    empty = [household.pk for household in person.emptied]
    Household.objects.filter(pk__in=empty, suspended_at__isnull=True).update(suspended_at=now, suspended_reason="")
    AccessToken.objects.filter(household_id__in=empty).delete()


def _account_files(user: User) -> Iterator[PersonFile]:
    secret = ("password", "digest", "user")
    yield document_file("account/account.json", lambda: _account(user))
    for name, rows in (
        ("memberships", Membership.objects.filter(user_id=user.pk)),
        ("communities-managed", CommunityRole.objects.filter(user_id=user.pk)),
        ("invitations", Invitation.objects.filter(invited_by_id=user.pk)),
        ("notices", Notice.objects.filter(user_id=user.pk)),
        ("tokens", AccessToken.objects.filter(user_id=user.pk)),
        ("mails", OutboxMessage.objects.filter(payload__to=user.email)),
        ("done-by-you", AuditEntry.objects.filter(actor_id=user.pk)),
        ("done-to-your-account", AuditEntry.objects.filter(subject_id=user.pk).exclude(actor_id=user.pk)),
        ("privacy-requests", PrivacyJob.objects.filter(user_id=user.pk)),
    ):
        # Who else did something, and from where, is not the person's own.
        without = ("actor_id", "actor_label", "address") if name == "done-to-your-account" else secret
        yield list_file(f"account/{name}.json", partial(documents, rows, without=without))
    yield list_file(
        "account/uploads.json", partial(documents, Upload.objects.filter(uploaded_by=user), without=("stored_path",))
    )


def _account(user: User) -> dict[str, Any]:
    fresh = User.objects.get(pk=user.pk)
    on = SecondFactor.objects.filter(user_id=user.pk, confirmed_at__isnull=False).exists()
    return {**row_document(fresh, without=["password"]), "second_factor": on}


def _household_files(stay: Stay, now: datetime) -> Iterator[PersonFile]:
    household = stay.household
    folder = household_folder(household)
    yield document_file(
        f"{folder}/household.json",
        lambda: {**row_document(household), "lived_there": [list(span) for span in stay.spans]},
    )
    points = MeteringPoint.objects.filter(household_id=household.pk)
    ids = list(points.values_list("pk", flat=True))
    for name, rows in (
        ("communities", CommunityMembership.objects.filter(household_id=household.pk)),
        ("metering-points", points),
        ("batteries", Battery.objects.filter(metering_point_id__in=ids)),
        ("measurements", Measurement.objects.filter(metering_point_id__in=ids)),
        ("appliances", Appliance.objects.filter(household_id=household.pk)),
        ("contracts", SupplierContract.objects.filter(household_id=household.pk)),
    ):
        yield list_file(f"{folder}/{name}.json", partial(documents, rows))
    yield from _readings_files(folder, stay, now)


def _readings_files(folder: str, stay: Stay, now: datetime) -> Iterator[PersonFile]:
    """Yield a file per measurement and stay, of the time both last."""
    points = {point.pk: point for point in MeteringPoint.objects.filter(household_id=stay.household.pk)}
    measurements = list(Measurement.objects.filter(metering_point_id__in=list(points)).order_by("starts_at", "pk"))
    series = series_get_many(series_ids=[one.series_id for one in measurements])
    for one in measurements:
        for start, end in stay.spans:
            begin, until = max(start, one.starts_at), min(end, one.ends_at, now)
            if begin >= until or one.series_id not in series:
                continue
            point = path_part(points[one.metering_point_id].name)
            name = f"{point}-{one.quantity}-{begin:%Y-%m-%d}-{one.pk.hex[-6:]}"
            yield readings_file(
                f"{folder}/readings/{name}.csv",
                series_id=one.series_id,
                unit=series[one.series_id].unit,
                start_ms=utc_ms(begin),
                end_ms=utc_ms(until),
            )


def _managing(user: User) -> list[str]:
    found = []
    for role in CommunityRole.objects.filter(user_id=user.pk):
        others = CommunityRole.objects.filter(community_id=role.community_id).exclude(user_id=user.pk)
        if not others.exists():
            found.append(
                _("You are the last manager of %(community)s. Ask an operator to appoint another one first.")
                % {"community": role.community.name}
            )
    return found


def _owning(person: Person, now: datetime) -> list[str]:
    found = []
    for stay in person.stays:
        current = Membership.objects.filter(
            household_id=stay.household.pk, starts_at__lte=now, ends_at__gt=now, role__in=LIVING
        )
        mine, others = current.filter(user_id=person.user.pk), current.exclude(user_id=person.user.pk)
        owns = mine.filter(role=Role.OWNER).exists()
        if owns and others.exists() and not others.filter(role=Role.OWNER).exists():
            found.append(
                _("You are the last owner of %(household)s, where others live. Make one of them an owner first.")
                % {"household": stay.household.name}
            )
    return found


def _operating(user: User) -> list[str]:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_superuser and not others.exists():
        return [_("You are the last operator of this installation. Appoint another one first.")]
    return []


def _importing(person: Person) -> list[str]:
    empty = [household.pk for household in person.emptied]
    running = Upload.objects.filter(state="running")
    if running.filter(uploaded_by=person.user).exists() or running.filter(household_id__in=empty).exists():
        return [_("A file of yours is being imported. Wait until that has ended.")]
    return []
