"""Pages of the operators outside their lists: the mail an embedded installation keeps instead of sending."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from myhouse.selectors.mail import mail_is_kept, mails_for
from myhouse.views.gate import user_of


@login_required
@require_GET
@never_cache
def operator(request: HttpRequest) -> HttpResponse:
    """Lead staff to their start page; for everybody else there is no such page."""
    if not user_of(request).is_staff:
        raise Http404
    return redirect("admin:index")


@login_required
@require_GET
@never_cache
def mail(request: HttpRequest) -> HttpResponse:
    """List the kept mails this operator or manager may read; for everybody else there is no such page."""
    user = user_of(request)
    if not user.is_staff or not mail_is_kept():
        raise Http404
    return render(request, "accounts/operator_mail.html", {"mails": mails_for(user=user, now=timezone.now())})


urlpatterns = [
    path("operator/", operator, name="operator"),
    path("operator/mail/", mail, name="operator-mail"),
]
