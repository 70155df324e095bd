"""Receiving files, showing what is in them, importing them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.base import FOREVER, uuid7
from myhouse.documents.services import Actor, audit_record
from myhouse.models import Household, Upload, User
from myhouse.uploads import limits
from myhouse.uploads.check import Checked, file_check
from myhouse.uploads.errors import FileTooLarge, ImportUnderWay, UnableToImport
from myhouse.uploads.mapping import Mapping, mapping_read, mapping_write
from myhouse.uploads.preview import Preview, file_preview
from myhouse.uploads.report import report_of, stored_before
from myhouse.uploads.rows import source_open
from myhouse.uploads.sniff import kind_of
from myhouse.uploads.targets import Target, targets_open, targets_plan
from myhouse.uploads.waiting import upload_enqueue
from telemetry.errors import UnableToWrite
from telemetry.model import Batch
from telemetry.services import history_write, series_register_many

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGINNING = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
KEPT_FOR = timedelta(days=7)
_WAITING_AT_MOST = 20
Progress = Callable[[str, float], None]


def upload_receive(
    *, household: Household, user: User, chunks: Iterable[bytes], file_name: str, actor: Actor, now: datetime
) -> Upload:
    """Store a file for one household, bounded, and say at once if it is none that can be read."""
    if Upload.objects.filter(household=household, state="received").count() >= _WAITING_AT_MOST:
        message = _("%(count)d files are waiting already. Import or remove some of them first.")
        raise ImportUnderWay(message % {"count": _WAITING_AT_MOST})
    with tempfile.NamedTemporaryFile(prefix="myhouse-upload-") as file:
        size, digest = _copy(chunks, file)
        kind_of(Path(file.name))
        upload_id = uuid7()
        stored = default_storage.save(f"uploads/{upload_id.hex}", File(file))
    try:
        return _upload_create(
            id=upload_id,
            household=household,
            uploaded_by=user,
            file_name=name_clean(file_name),
            stored_path=stored,
            size=size,
            digest=digest,
            created_at=now,
            actor=actor,
        )
    except BaseException:
        default_storage.delete(stored)
        raise


@atomic
def _upload_create(*, actor: Actor, created_at: datetime, **fields: Any) -> Upload:
    upload = Upload.objects.create(created_at=created_at, **fields)
    audit_record(actor=actor, action="upload.receive", now=created_at, subject=upload)
    return upload


def _copy(chunks: Iterable[bytes], file: IO[bytes]) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.FILE_BYTES:
            raise FileTooLarge(file_too_large())
        digest.update(chunk)
        file.write(chunk)
    file.flush()
    file.seek(0)
    return size, digest.hexdigest()


def file_too_large() -> str:
    """What is said to files beyond the limit."""
    message = _("The file is larger than %(limit)d MB. Split it by year, or pack it as .xlsx, and import the parts.")
    return message % {"limit": limits.FILE_BYTES // (1024 * 1024)}


def name_clean(name: str) -> str:
    """Keep of a file's name what can be shown: no folders, no control characters, no formula at its start."""
    base = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in base if letter.isprintable()).lstrip("=+-@ ")
    return shown[-160:] or "file"


def upload_preview(
    *, upload: Upload, mapping: Mapping | None, now: datetime, sheet: str = "", head_only: bool = False
) -> Preview:
    """Read the file as an import would, and write nothing; `head_only` looks at the first rows alone."""
    since, until = _membership(upload, now)
    with _stored(upload) as path:
        return file_preview(
            path=path,
            upload=upload,
            mapping=mapping,
            since=since,
            until=until,
            now=now,
            sheet=sheet,
            head_only=head_only,
        )


@atomic
def upload_start(*, upload: Upload, mapping: Mapping, actor: Actor, now: datetime) -> Upload:
    """Accept the mapping and hand the file to a worker; a finished or running import is not started again."""
    changed = Upload.objects.filter(pk=upload.pk, state__in=["received", "failed"]).update(
        state="running",
        mapping=mapping_write(mapping),
        rows_done=0,
        report={"phase": "waiting", "since": now.timestamp()},
        finished_at=None,
    )
    if not changed:
        raise ImportUnderWay(_("This file is being imported, or was already. Upload it again to change its mapping."))
    audit_record(actor=actor, action="upload.start", now=now, subject=upload)
    upload.refresh_from_db()
    after_commit(lambda: upload_enqueue(upload=upload))
    return upload


def upload_run(*, upload: Upload, now: datetime, alive: Callable[[], object] | None = None) -> Upload:
    """Import the file of a running upload; may run twice, a second run finds its readings stored already.

    `alive` is called again and again while the work goes on.
    """
    if upload.state != "running":
        return upload
    started = monotonic()
    noted = [0.0]

    def progress(phase: str, share: float) -> None:
        if monotonic() - noted[0] > 0.3 or share >= 1:
            noted[0] = monotonic()
            if alive is not None:
                alive()
            beat = now.timestamp() + monotonic() - started
            report = {"phase": phase, "share": round(share, 4), "since": beat}
            Upload.objects.filter(pk=upload.pk, state="running").update(
                report=report, rows_done=int(share * max(upload.rows_total, 1))
            )

    try:
        with _stored(upload) as path:
            mapping = mapping_read(upload.mapping)
            report = _import(
                path=path, upload=upload, mapping=mapping, actor=_actor_of(upload), now=now, progress=progress
            )
    except UnableToImport as error:
        return _finished(upload, state="failed", report={"error": error.message, "field": error.field}, now=now)
    except UnableToWrite as error:
        return _finished(upload, state="failed", report={"error": error.message, "field": error.field}, now=now)
    state = "failed" if "error" in report else "done"
    upload = _finished(upload, state=state, report=report, now=now)
    if state == "done":
        default_storage.delete(upload.stored_path)
    return upload


def upload_fail(*, upload: Upload, reason: str, now: datetime) -> Upload:
    """Mark an import as failed, with what to do."""
    return _finished(upload, state="failed", report={"error": reason, "field": "file"}, now=now)


def upload_resume(*, upload: Upload, actor: Actor, now: datetime) -> Upload:
    """Hand a stalled import to a worker again; it goes on as if nothing had happened."""
    since = float(upload.report.get("since", 0))
    if upload.state != "running" or now.timestamp() - since < limits.STALLED_SECONDS:
        raise ImportUnderWay(_("The import is under way."))
    audit_record(actor=actor, action="upload.resume", now=now, subject=upload)
    upload_enqueue(upload=upload)
    return upload


@atomic
def _finished(upload: Upload, *, state: str, report: dict[str, Any], now: datetime) -> Upload:
    upload.state = state
    upload.report = report
    upload.finished_at = now
    upload.rows_total = int(report.get("rows", upload.rows_total))
    upload.rows_done = upload.rows_total if state == "done" else 0
    upload.save(update_fields=["state", "report", "finished_at", "rows_done", "rows_total"])
    audit_record(actor=_actor_of(upload), action=f"upload.{state}", now=now, subject=upload)
    return upload


def _actor_of(upload: Upload) -> Actor:
    return Actor(user_id=upload.uploaded_by_id, label="upload")


@contextmanager
def _stored(upload: Upload) -> Iterator[Path]:
    """The file as a path on this machine, wherever it is stored."""
    if not upload.stored_path or not default_storage.exists(upload.stored_path):
        raise ImportUnderWay(_("The file is not kept any more. Upload it again."))
    try:
        yield Path(default_storage.path(upload.stored_path))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile(prefix="myhouse-upload-") as copy:
            with default_storage.open(upload.stored_path) as file:
                for chunk in file.chunks():
                    copy.write(chunk)
            copy.flush()
            yield Path(copy.name)


def file_import(
    *,
    household: Household,
    path: Path,
    mapping: Mapping,
    user: User | None,
    actor: Actor,
    now: datetime,
    progress: Progress | None = None,
) -> Upload:
    """Import a file of this machine at once, with the same rules and the same record as an upload."""
    size = path.stat().st_size
    if size > limits.FILE_BYTES:
        raise FileTooLarge(file_too_large())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    upload = Upload(
        household=household,
        uploaded_by=user,
        file_name=name_clean(path.name),
        stored_path="",
        size=size,
        digest=digest,
        state="running",
        mapping=mapping_write(mapping),
        created_at=now,
    )
    report = _import(path=path, upload=upload, mapping=mapping, actor=actor, now=now, progress=progress)
    upload.save(force_insert=True)
    return _finished(upload, state="failed" if "error" in report else "done", report=report, now=now)


def _import(
    *,
    path: Path,
    upload: Upload,
    mapping: Mapping,
    actor: Actor,
    now: datetime,
    progress: Progress | None,
) -> dict[str, Any]:
    """Check all, then write all; the report has an `error` when nothing was written."""
    same = import_before(upload=upload, mapping=mapping)
    if same is not None:
        return {
            **same.report,
            "same_as": str(same.pk),
            "imported_at": same.finished_at and same.finished_at.isoformat(),
        }
    household = upload.household
    checked, targets = _planned(path, upload=upload, mapping=mapping, now=now, progress=progress)
    unchanged, replaced = stored_before(checked=checked, targets=targets)
    report = report_of(checked=checked, targets=targets, unchanged=unchanged, replaced=replaced)
    if checked.rejections.rows and not mapping.only_good:
        message = gettext_noop(
            "Some rows cannot be imported, so nothing was. Correct them, or import the good rows only."
        )
        return {**report, "accepted": 0, "error": message, "field": "file"}
    if not len(checked.times):
        return {**report, "error": gettext_noop("The file has no row that can be imported."), "field": "file"}
    _write(checked, targets, now=now, progress=progress)
    measurements = targets_open(household=household, targets=targets, actor=actor, now=now)
    for column, measurement in zip(report["columns"], measurements, strict=True):
        column["measurement"] = str(measurement.pk)
        column["point"] = str(measurement.metering_point_id)
    return report


def import_before(*, upload: Upload, mapping: Mapping) -> Upload | None:
    """The finished import of the same content with the same mapping into the same household, if there is one."""
    wanted = mapping_write(replace_only_good(mapping))
    earlier = Upload.objects.filter(household=upload.household, digest=upload.digest, state="done").exclude(
        pk=upload.pk
    )
    for other in earlier.order_by("-created_at")[:20]:
        if mapping_write(replace_only_good(mapping_read(other.mapping))) == wanted and not other.report.get(
            "rejected"
        ):
            return other
    return None


def replace_only_good(mapping: Mapping) -> Mapping:
    """The mapping without what does not change where readings go."""
    import msgspec

    return msgspec.structs.replace(mapping, only_good=False)


def _planned(
    path: Path, *, upload: Upload, mapping: Mapping, now: datetime, progress: Progress | None
) -> tuple[Checked, list[Target]]:
    household = upload.household
    now_ms = round(now.timestamp() * 1000)

    def checking(rows: int, share: float) -> None:
        upload.rows_total = max(upload.rows_total, round(rows / max(share, 1e-6)))
        if progress is not None:
            progress("check", 0.5 * share)

    with source_open(path, encoding=mapping.encoding, delimiter=mapping.delimiter, sheet=mapping.sheet) as source:
        checked = file_check(source, mapping=mapping, zone=household.time_zone, now_ms=now_ms, progress=checking)
    since, until = _membership(upload, now)
    targets, checked = targets_plan(
        household=household, checked=checked, digest=upload.digest, since=since, until=until
    )
    return checked, targets


def _membership(upload: Upload, now: datetime) -> tuple[datetime, datetime]:
    if upload.uploaded_by is None:
        return BEGINNING, FOREVER
    from myhouse.selectors.households import household_for

    access = household_for(user=upload.uploaded_by, household_id=upload.household_id, now=now)
    access.require_change()
    return access.since, access.until


def _write(checked: Checked, targets: list[Target], *, now: datetime, progress: Progress | None) -> None:
    series_register_many(series=[target.series for target in targets])
    batches = []
    for target, values in zip(targets, checked.values, strict=True):
        present = ~np.isnan(values)
        batches.append(Batch.of(target.series.id, checked.times[present], values[present]))

    def writing(done: int, total: int) -> None:
        if progress is not None:
            progress("write", 0.5 + 0.5 * done / max(total, 1))

    history_write(batch=Batch.concat(batches), now_ms=round(now.timestamp() * 1000), progress=writing)


def upload_remove(*, upload: Upload, actor: Actor, now: datetime) -> None:
    """Remove a file that is not being imported; what was imported stays."""
    removed, _rows = Upload.objects.filter(pk=upload.pk).exclude(state="running").delete()
    if not removed:
        raise ImportUnderWay(_("The file is being imported. Wait until that has ended."))
    audit_record(actor=actor, action="upload.remove", now=now, subject=upload)
    if upload.stored_path:
        default_storage.delete(upload.stored_path)


def uploads_tidy(*, now: datetime) -> int:
    """Delete the files of uploads that were never imported within a week; their record stays."""
    old = Upload.objects.filter(state__in=["received", "failed"], created_at__lt=now - KEPT_FOR).exclude(
        stored_path=""
    )
    count = 0
    for upload in old[:200]:
        default_storage.delete(upload.stored_path)
        upload.stored_path = ""
        upload.state = "failed"
        upload.report = upload.report or {
            "error": gettext_noop("The file was not imported within a week."),
            "field": "file",
        }
        upload.save(update_fields=["stored_path", "state", "report"])
        count += 1
    return count
