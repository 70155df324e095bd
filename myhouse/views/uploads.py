"""The pages of files: hand in, look at what is in them, import, follow, report."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from myhouse.errors import FieldError, NotFound, UnableTo
from myhouse.models import Upload
from myhouse.models.metering import Quantity
from myhouse.selectors.households import Access
from myhouse.selectors.metering import points_of
from myhouse.uploads import limits, services
from myhouse.uploads.errors import FileTooLarge, UnableToImport
from myhouse.uploads.mapping import Mapping, mapping_read
from myhouse.uploads.preview import Preview
from myhouse.uploads.report import report_shown
from myhouse.uploads.selectors import upload_for, uploads_page
from myhouse.views.gate import actor_from, form_refuse, household_open, user_of
from myhouse.views.uploads_forms import FileForm, Forms

_AROUND_THE_FILE = 64 * 1024
_COLUMN_FIELD = re.compile(r"^mapping\.values\[(?P<place>\d+)\]\.(?P<name>\w+)$")


@login_required
def uploads(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the household's files; hand in another."""
    access = household_open(request, household_id)
    access.require_member()
    form = FileForm()
    status = 200
    if request.method == "POST":
        access.require_change()
        form = FileForm(request.POST, request.FILES)
        try:
            received = _receive(request, access, form)
        except FileTooLarge as error:
            form_refuse(form, error)
            status = 413
        except UnableTo as error:
            form_refuse(form, error)
            status = 422
        else:
            if received is not None:
                return redirect("upload", household_id, received.pk)
            status = 422
    context = {
        "household": access.household,
        "access": access,
        "form": form,
        "uploads": uploads_page(household=access.household).items,
    }
    return render(request, "uploads/list.html", context, status=status)


def _receive(request: HttpRequest, access: Access, form: FileForm) -> Upload | None:
    if int(request.headers.get("content-length") or 0) > limits.FILE_BYTES + _AROUND_THE_FILE:
        raise FileTooLarge(services.file_too_large())
    if not form.is_valid():
        return None
    file = form.cleaned_data["file"]
    return services.upload_receive(
        household=access.household,
        user=user_of(request),
        chunks=file.chunks(),
        file_name=file.name,
        actor=actor_from(request),
        now=timezone.now(),
    )


def _open(request: HttpRequest, household_id: uuid.UUID, upload_id: uuid.UUID) -> tuple[Upload, Access]:
    found, access = upload_for(user=user_of(request), upload_id=upload_id, now=timezone.now())
    if found.household_id != household_id:
        raise NotFound(_("There is no such upload, or it is not yours."))
    household_open(request, household_id)
    return found, access


@login_required
def upload(request: HttpRequest, household_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """One file: what is in it and how it is read, how far the import is, or what became of it."""
    found, access = _open(request, household_id, upload_id)
    context = {"household": access.household, "access": access, "upload": found}
    kept = bool(found.stored_path) and found.state in {"received", "failed"}
    if not kept or not access.may_change:
        return render(request, "uploads/report.html", {**context, **_report(found)})
    try:
        return _mapping_page(request, found, context)
    except UnableTo as error:
        # Not even the first rows could be read: the reason is all there is to show.
        refused = {"error": error.message, "report": {}}
        return render(request, "uploads/report.html", {**context, **refused}, status=422)


def _mapping_page(request: HttpRequest, found: Upload, context: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    points = points_of(household=found.household)
    status = 200
    if request.method == "POST":
        sheet = request.POST.get("sheet", "")
        preview = services.upload_preview(upload=found, mapping=None, now=now, sheet=sheet, head_only=True)
        forms = Forms(preview=preview, points=points, data=request.POST)
        if forms.is_valid():
            mapping = forms.mapping()
            if request.POST.get("action") == "import" and _start(request, found, mapping, forms) is not None:
                return redirect("upload", found.household_id, found.pk)
            preview = services.upload_preview(upload=found, mapping=mapping, now=now)
            _mark(forms, mapping, preview)
        status = 200 if forms.is_valid() else 422
    else:
        stored = mapping_read(found.mapping) if found.mapping else None
        preview = services.upload_preview(upload=found, mapping=stored, now=now)
        forms = Forms(preview=preview, points=points)
    page = {**context, "forms": forms, **_shown(preview, found)}
    if getattr(request, "htmx", False):
        return render(request, "uploads/outcome.html", page)
    return render(request, "uploads/preview.html", page, status=status)


def _start(request: HttpRequest, found: Upload, mapping: Mapping, forms: Forms) -> Upload | None:
    try:
        if not mapping.values:
            raise UnableToImport(_("Say of at least one column what it measures."))
        return services.upload_start(upload=found, mapping=mapping, actor=actor_from(request), now=timezone.now())
    except UnableTo as error:
        form_refuse(forms.main, error)
        return None


def _mark(forms: Forms, mapping: Mapping, preview: Preview) -> None:
    """Show problems of the mapping at the fields that cause them."""
    for problem in preview.problems:
        found = _COLUMN_FIELD.match(problem.field)
        place = int(found["place"]) if found else -1
        if found and place < len(mapping.values):
            column = mapping.values[place].column
            form = next((f for f in forms.columns if f.prefix == f"c{column}"), None)
            if form is not None and found["name"] in form.fields:
                form.add_error(found["name"], problem.message)
        name = problem.field.removeprefix("mapping.")
        if name in forms.main.fields:
            forms.main.add_error(name, problem.message)


def _shown(preview: Preview, found: Upload) -> dict[str, Any]:
    problems: tuple[FieldError, ...] = preview.problems
    return {
        "preview": preview,
        "problems": problems,
        "report": _readable(preview.report),
        "failed": report_shown(found.report).get("error") if found.state == "failed" else None,
        "rows": [list(row) for row in preview.sample],
    }


def _report(found: Upload) -> dict[str, Any]:
    share = float(found.report.get("share", 0.0))
    stalled = found.state == "running" and timezone.now().timestamp() - float(found.report.get("since", 0)) > (
        limits.STALLED_SECONDS
    )
    report = _readable(found.report)
    return {"report": report, "error": report.get("error"), "share": round(share * 100), "stalled": stalled}


def _readable(report: dict[str, Any]) -> dict[str, Any]:
    """The report with names for quantities and times that templates can format."""
    if not report:
        return {}
    shown = report_shown(report)
    for name in ("first", "last", "imported_at"):
        shown[name] = _moment(report.get(name))
    shown["columns"] = [
        {**column, "quantity_label": Quantity(column["quantity"]).label} for column in report.get("columns", [])
    ]
    return shown


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


@login_required
def upload_progress(request: HttpRequest, household_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """How far an import is; asked for every second while it runs."""
    found, access = _open(request, household_id, upload_id)
    context = {"household": access.household, "access": access, "upload": found, **_report(found)}
    if found.state != "running":
        response = HttpResponse(status=200)
        response.headers["HX-Refresh"] = "true"
        return response
    return render(request, "uploads/progress.html", context)


@login_required
@require_POST
def upload_remove(request: HttpRequest, household_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """Remove a file; what was imported stays."""
    found, access = _open(request, household_id, upload_id)
    access.require_change()
    services.upload_remove(upload=found, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("The file was removed. What was imported from it stays."))
    return redirect("uploads", household_id)


@login_required
@require_POST
def upload_resume(request: HttpRequest, household_id: uuid.UUID, upload_id: uuid.UUID) -> HttpResponse:
    """Go on with an import that has stalled."""
    found, access = _open(request, household_id, upload_id)
    access.require_change()
    services.upload_resume(upload=found, actor=actor_from(request), now=timezone.now())
    return redirect("upload", household_id, upload_id)


urlpatterns = [
    path("households/<uuid:household_id>/uploads/", uploads, name="uploads"),
    path("households/<uuid:household_id>/uploads/<uuid:upload_id>/", upload, name="upload"),
    path("households/<uuid:household_id>/uploads/<uuid:upload_id>/progress/", upload_progress, name="upload-progress"),
    path("households/<uuid:household_id>/uploads/<uuid:upload_id>/remove/", upload_remove, name="upload-remove"),
    path("households/<uuid:household_id>/uploads/<uuid:upload_id>/resume/", upload_resume, name="upload-resume"),
]
