"""The page that explains itself to a visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone

from myhouse.selectors.showcase import showcase_now

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def landing(request: HttpRequest) -> HttpResponse:
    """Show what MyHouse does, with the live sums of the communities while there are any."""
    if request.user.is_authenticated and "tour" not in request.GET:
        return redirect("home")
    return render(request, "myhouse/landing.html", {"showcase": showcase_now(now=timezone.now())})


urlpatterns = [path("", landing, name="landing")]
