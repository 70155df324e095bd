"""The page of one's own news."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from myhouse.documents.base import FOREVER
from myhouse.selectors.notices import notices_page
from myhouse.services.notices import notices_read
from myhouse.views.gate import user_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

LINES = 30


@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """List the visitor's news, the newest first; the bell of an open page asks for itself alone."""
    if getattr(getattr(request, "htmx", None), "target", None) == "bell":
        return render(request, "notices/bell.html")
    cursor = request.GET.get("after") or None
    found = notices_page(user=user_of(request), cursor=cursor, limit=LINES)
    context = {
        "lines": [{"notice": notice, "unread": notice.read_at >= FOREVER} for notice in found.items],
        "next_url": f"{request.path}?after={found.next_cursor}" if found.next_cursor else "",
        "first_url": request.path if cursor else "",
        "now": timezone.now(),
    }
    return render(request, "notices/list.html", context)


@login_required
@require_POST
def notices_mark(request: HttpRequest) -> HttpResponse:
    """Mark one of the visitor's news as read and open what it is about, or mark all of them."""
    wanted = request.POST.get("notice", "")
    ids = [_uuid(wanted)] if wanted else None
    notices_read(user=user_of(request), now=timezone.now(), notice_ids=ids)
    return redirect("notices")


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


urlpatterns = [
    path("notices/", notices, name="notices"),
    path("notices/read/", notices_mark, name="notices-read"),
]
