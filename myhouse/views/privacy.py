"""The pages on which a person asks for his data, or to be forgotten."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from myhouse.errors import NotFound, UnableTo
from myhouse.models import PrivacyJob, User
from myhouse.privacy.services import erase_request, export_request, obstacles_of
from myhouse.services.second_factor import identity_confirm
from myhouse.views.gate import actor_from, form_refuse, user_of

_SHOWN = 10
_SALT = "myhouse.privacy.erasure"
_STATE_SEEN_FOR_S = 7 * 24 * 3600


class EraseForm(forms.Form):
    """The password once more, and that it is meant."""

    password = forms.CharField(
        label=gettext_lazy("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    meant = forms.BooleanField(label=gettext_lazy("Forget me. I know that this cannot be undone."))


@login_required
@never_cache
@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what can be asked for, and what became of it."""
    return _page(request, EraseForm())


@login_required
@never_cache
@require_POST
def privacy_export(request: HttpRequest) -> HttpResponse:
    """Ask for the archive."""
    try:
        export_request(user=user_of(request), actor=actor_from(request), now=timezone.now())
    except UnableTo as refusal:
        return _page(request, EraseForm(), refused=refusal.message, status=409)
    return redirect("privacy")


@login_required
@never_cache
@require_GET
def privacy_state(request: HttpRequest) -> HttpResponse:
    """The requests alone; asked for every second while one is worked on."""
    return render(request, "privacy/requests.html", _requests(user_of(request)))


@login_required
@never_cache
@require_GET
def privacy_file(request: HttpRequest, job_id: uuid.UUID) -> FileResponse:
    """Hand out the archive, to the person it is about only."""
    job = PrivacyJob.objects.filter(pk=job_id, user_id=user_of(request).pk, kind="export", state="done").first()
    kept = job is not None and job.stored_path and job.expires_at > timezone.now()
    if job is None or not kept or not default_storage.exists(job.stored_path):
        raise NotFound(_("This archive is not kept any more, or is not yours. Ask for your data again."))
    name = f"myhouse-{job.requested_at:%Y-%m-%d}.zip"
    return FileResponse(
        default_storage.open(job.stored_path), as_attachment=True, filename=name, content_type="application/zip"
    )


@sensitive_post_parameters("password")
@login_required
@never_cache
@require_POST
def privacy_erase(request: HttpRequest) -> HttpResponse:
    """Ask to be forgotten: the password again, then the session ends."""
    form = EraseForm(request.POST)
    user, now = user_of(request), timezone.now()
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        identity_confirm(user=user, password=form.cleaned_data["password"], now=now)
        job = erase_request(user=user, actor=actor_from(request), now=now)
    except UnableTo as refusal:
        form_refuse(form, refusal)
        return _page(request, form, status=422)
    logout(request)
    return redirect("privacy-erasure", signing.dumps(str(job.pk), salt=_SALT))


@never_cache
@require_GET
def privacy_erasure(request: HttpRequest, token: str) -> HttpResponse:
    """How far an erasure is, for who asked for it and is signed out; says nothing about whom."""
    try:
        job_id = signing.loads(token, salt=_SALT, max_age=_STATE_SEEN_FOR_S)
    except signing.BadSignature:
        raise NotFound(_("This page is not kept any more.")) from None
    job = PrivacyJob.objects.filter(pk=job_id).first()
    if job is None:
        raise NotFound(_("This page is not kept any more."))
    template = "privacy/erasure_state.html" if getattr(request, "htmx", False) else "privacy/erasure.html"
    return render(request, template, {"job": job, "token": token, "share": _share(job)})


def _page(request: HttpRequest, form: EraseForm, *, status: int = 200, **extra: Any) -> HttpResponse:
    user = user_of(request)
    context = {"form": form, "obstacles": obstacles_of(user=user, now=timezone.now()), **_requests(user), **extra}
    return render(request, "privacy/page.html", context, status=status)


def _requests(user: User) -> dict[str, Any]:
    now = timezone.now()
    jobs = list(PrivacyJob.objects.filter(user_id=user.pk).order_by("-requested_at")[:_SHOWN])
    shown = [
        {"job": job, "share": _share(job), "kept": bool(job.stored_path) and job.expires_at > now} for job in jobs
    ]
    return {"requests": shown, "working": any(job.state in {"requested", "running"} for job in jobs)}


def _share(job: PrivacyJob) -> int:
    return 100 * job.parts_done // max(job.parts_total, 1)


urlpatterns = [
    path("account/privacy/", privacy, name="privacy"),
    path("account/privacy/export/", privacy_export, name="privacy-export"),
    path("account/privacy/requests/", privacy_state, name="privacy-requests"),
    path("account/privacy/archive/<uuid:job_id>/", privacy_file, name="privacy-archive"),
    path("account/privacy/erase/", privacy_erase, name="privacy-erase"),
    path("privacy/erasure/<str:token>/", privacy_erasure, name="privacy-erasure"),
]
