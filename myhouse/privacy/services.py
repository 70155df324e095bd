"""Asking for one's data or to be forgotten, and doing it: step by step, again after a crash, never half."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import IO

from celery import current_app
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from django.utils.translation import override
from kombu.exceptions import KombuError, OperationalError

from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.services import SYSTEM, Actor, audit_record
from myhouse.errors import Kind, UnableTo
from myhouse.models import CommunityRole, Membership, PrivacyJob, User
from myhouse.privacy.erasing import readings_steps, user_erase
from myhouse.privacy.parts import (
    Person,
    parts_erasing,
    parts_files,
    parts_leave,
    parts_obstacles,
    parts_texts,
)
from myhouse.privacy.people import person_of
from myhouse.privacy.texts import namer, texts_change
from myhouse.services.notices import notice_tell

WORK_TASK = "myhouse.privacy_work"
KEPT_FOR = timedelta(days=7)
EXPORTS_PER_DAY = 5
_TELL_EVERY_S = 5
_OPEN = ("requested", "running")
# Done, how many there are in all; called after each step.
Progress = Callable[[int, int], None]


class UnableToAsk(UnableTo):
    """The request is being worked on already, or was made too often."""

    kind = Kind.CONFLICT


class UnableToErase(UnableTo):
    """Something must be done before the person can be forgotten; the message says what."""

    kind = Kind.CONFLICT


@atomic
def export_request(*, user: User, actor: Actor, now: datetime) -> PrivacyJob:
    """Ask for an archive of all that is kept about a user."""
    recent = PrivacyJob.objects.filter(user_id=user.pk, kind="export", requested_at__gt=now - timedelta(days=1))
    if recent.count() >= EXPORTS_PER_DAY:
        raise UnableToAsk(
            _("You asked for your data several times today. Use the newest archive, or come back later.")
        )
    return _request(user, "export", actor, now)


@atomic
def erase_request(*, user: User, actor: Actor, now: datetime) -> PrivacyJob:
    """Ask to be forgotten. What stands against it is said at once, and looked at again when it begins."""
    _obstacles_check(person_of(user=user, now=now), now)
    return _request(user, "erase", actor, now)


def obstacles_of(*, user: User, now: datetime) -> list[str]:
    """Say what stands against forgetting a user now."""
    return parts_obstacles(person=person_of(user=user, now=now), now=now)


def job_work(*, job: PrivacyJob, now: datetime, progress: Progress | None = None) -> PrivacyJob:
    """Do what is asked for; a job given out a second time begins anew, and finds done what was done."""
    if job.state not in _OPEN or job.user is None:
        return job

    def noted(done: int, total: int) -> None:
        PrivacyJob.objects.filter(pk=job.pk).update(parts_done=done, parts_total=total)
        if progress is not None:
            progress(done, total)

    try:
        if job.kind == "export":
            PrivacyJob.objects.filter(pk=job.pk, state__in=_OPEN).update(state="running")
            with tempfile.NamedTemporaryFile(prefix="myhouse-export-") as file:
                archive_write(user=job.user, target=file, now=now, progress=noted)
                _keep(job, job.user, file, now)
        else:
            _erase(job, job.user, now, noted)
    except UnableTo as refusal:
        return job_fail(job=job, reason=refusal.message, now=now)
    return PrivacyJob.objects.get(pk=job.pk)


def archive_write(*, user: User, target: IO[bytes], now: datetime, progress: Progress | None = None) -> int:
    """Write all that is kept about a user as a ZIP, one piece in memory at a time; returns how many files it has."""
    found = list(parts_files(person=person_of(user=user, now=now), now=now))
    told = monotonic()
    with zipfile.ZipFile(target, "w") as archive:
        for number, file in enumerate(found, start=1):
            entry = zipfile.ZipInfo(file.path, now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as inside:
                for piece in file.pieces():
                    inside.write(piece)
                    if progress is not None and monotonic() - told > _TELL_EVERY_S:
                        progress(number - 1, len(found))
                        told = monotonic()
            if progress is not None:
                progress(number, len(found))
    return len(found)


def job_fail(*, job: PrivacyJob, reason: str, now: datetime) -> PrivacyJob:
    """End a job without its result, with the reason."""
    PrivacyJob.objects.filter(pk=job.pk, state__in=_OPEN).update(state="failed", error=reason[:300], finished_at=now)
    return PrivacyJob.objects.get(pk=job.pk)


def jobs_wake(*, now: datetime, waiting: timedelta = timedelta(seconds=30)) -> int:
    """Give out again what nobody has finished: its worker died, or there was no broker. Returns how many."""
    owed = PrivacyJob.objects.filter(state__in=_OPEN, requested_at__lt=now - waiting).order_by("requested_at")[:100]
    for job in owed:
        _enqueue(job)
    return len(owed)


def exports_tidy(*, now: datetime) -> int:
    """Delete the archives whose time has passed; the record of the request stays."""
    old = list(PrivacyJob.objects.filter(state="done", expires_at__lte=now).exclude(stored_path="")[:200])
    for job in old:
        default_storage.delete(job.stored_path)
        PrivacyJob.objects.filter(pk=job.pk).update(stored_path="")
    return len(old)


def _request(user: User, kind: str, actor: Actor, now: datetime) -> PrivacyJob:
    guard("privacy", user.pk)
    if PrivacyJob.objects.filter(user_id=user.pk, state__in=_OPEN).exists():
        raise UnableToAsk(_("A request of yours is being worked on. Wait until it is done."))
    job = PrivacyJob.objects.create(user=user, kind=kind, requested_at=now)
    audit_record(actor=actor, action=f"privacy.{kind}", now=now, subject=user)
    after_commit(partial(_enqueue, job))
    return job


def _enqueue(job: PrivacyJob) -> None:
    try:
        # By name: the task knows the services, and not the other way round.
        current_app.send_task(WORK_TASK, args=[str(job.pk)], retry=False, ignore_result=True)
    except (KombuError, OperationalError, OSError):
        # Without a broker it is given out at the next regular round.
        return


def _keep(job: PrivacyJob, user: User, file: IO[bytes], now: datetime) -> None:
    """Put the archive where its owner can fetch it, and tell him."""
    file.seek(0)
    path = default_storage.save(f"privacy/{job.pk.hex}.zip", File(file))
    try:
        _kept(job, user, path, now)
    except BaseException:
        default_storage.delete(path)
        raise


@atomic
def _kept(job: PrivacyJob, user: User, path: str, now: datetime) -> None:
    won = PrivacyJob.objects.filter(pk=job.pk, state="running").update(
        state="done", stored_path=path, finished_at=now, expires_at=now + KEPT_FOR
    )
    if won != 1:
        raise UnableToAsk("another worker was faster")

    def text(_language: str) -> str:
        return _("The archive of your data is ready. It can be fetched for seven days.")

    notice_tell(users=[user], text=text, url="/account/privacy/", now=now)


def _obstacles_check(person: Person, now: datetime) -> None:
    found = parts_obstacles(person=person, now=now)
    if found:
        raise UnableToErase(" ".join(found))


def _erase(job: PrivacyJob, user: User, now: datetime, progress: Progress) -> None:
    """Forget a user step by step; the account goes last, in one transaction with the end of the job."""
    with override(user.language):
        person = _begun(job, user, now)
    pseudonym = f"erased-{job.pk.hex[-8:]}"
    names = [user.name, *(household.name for household in person.emptied)]
    put = namer(email=user.email, names=names, pseudonym=pseudonym)
    steps: list[Callable[[], object]] = [
        *readings_steps(person),
        # Before the names are gone by which texts are searched.
        *(partial(texts_change, model, column, put) for model, column in parts_texts()),
        *parts_erasing(person=person, pseudonym=pseudonym, now=now),
        # What was under way when the devices were switched off has arrived by now.
        *readings_steps(person),
    ]
    for number, step in enumerate(steps):
        progress(number, len(steps) + 1)
        step()
    _erased(job, user, len(steps) + 1, now)


@atomic
def _begun(job: PrivacyJob, user: User, now: datetime) -> Person:
    """Begin once: look again at what stands against it, end what would go on. From here on there is no way back."""
    person = person_of(user=user, now=now)
    if PrivacyJob.objects.filter(pk=job.pk, state="requested").update(state="running"):
        # Of the last two owners, managers or operators only one goes.
        guard("operators")
        for stay in person.stays:
            guard("members", stay.household.pk)
        for community_id in CommunityRole.objects.filter(user_id=user.pk).values_list("community_id", flat=True):
            guard("managers", community_id)
        _obstacles_check(person, now)
        parts_leave(person=person, actor=SYSTEM, now=now)
    return person


@atomic
def _erased(job: PrivacyJob, user: User, total: int, now: datetime) -> None:
    ended = PrivacyJob.objects.filter(pk=job.pk, state="running").update(
        state="done", finished_at=now, parts_done=total, parts_total=total, error="", expires_at=now + KEPT_FOR
    )
    if ended:
        Membership.objects.filter(user_id=user.pk).delete()
        user_erase(user=user)
        audit_record(actor=SYSTEM, action="privacy.erased", now=now, details={"job": str(job.pk)})
