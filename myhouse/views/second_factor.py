"""Pages of the second factor: the code at sign-in, setting it up, recovery codes, removing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import segno
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render, resolve_url
from django.urls import path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from myhouse.documents.services import Actor
from myhouse.errors import TooMany, UnableTo
from myhouse.selectors.second_factor import factor_on
from myhouse.services.second_factor import (
    UnableToSetUpSecondFactor,
    factor_begin,
    factor_check,
    factor_confirm,
    factor_remove,
    factor_secret,
    factor_uri,
    identity_confirm,
    recovery_codes_renew,
)
from myhouse.views.accounts import BACKEND, preferences_keep
from myhouse.views.gate import actor_from, address_of, form_refuse, user_of
from myhouse.views.half_sign_in import half_end, half_user
from myhouse.views.second_factor_forms import FactorForm, SetUpForm, SignInCodeForm

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse

    from myhouse.models import User

_sensitive = sensitive_post_parameters("password", "code")


@never_cache
@_sensitive
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Take the code after the password; only then does the session begin."""
    user = half_user(request)
    target = request.POST.get("next") or request.GET.get("next", "")
    if user is None:
        messages.info(request, _("Sign in with your password first; the code follows within five minutes."))
        return redirect("sign-in")
    form = SignInCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actor = Actor(user.pk, user.email, address_of(request))
            factor_check(user=user, code=form.cleaned_data["code"], actor=actor, now=timezone.now())
        except TooMany:
            # Who guesses starts again from the password.
            half_end(request)
            raise
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            half_end(request)
            login(request, user, backend=BACKEND)
            safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
            response = redirect(target if safe else resolve_url("home"))
            preferences_keep(response, user)
            return response
    return render(request, "accounts/sign_in_code.html", {"form": form, "next": target})


@login_required
@never_cache
@_sensitive
def set_up(request: HttpRequest) -> HttpResponse:
    """Show the picture to scan; password and first code switch the second factor on."""
    user, now = user_of(request), timezone.now()
    form = SetUpForm(request.POST or None)
    if factor_on(user=user):
        return redirect("second-factor")
    if request.method == "POST" and form.is_valid():
        try:
            identity_confirm(user=user, password=form.cleaned_data["password"], now=now)
            codes = factor_confirm(user=user, code=form.cleaned_data["code"], actor=actor_from(request), now=now)
        except UnableToSetUpSecondFactor as refusal:
            messages.error(request, refusal.message)
            return redirect("second-factor-set-up")
        except TooMany:
            raise
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            return _codes_page(request, codes)
    factor = factor_begin(user=user, now=now)
    secret = factor_secret(factor)
    context = {
        "form": form,
        "picture": segno.make(factor_uri(factor=factor, user=user), error="m").svg_inline(
            scale=4, border=4, light="#fff", omitsize=True
        ),
        "secret": " ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
    }
    return render(request, "accounts/second_factor_set_up.html", context)


@login_required
@never_cache
@_sensitive
def change(request: HttpRequest) -> HttpResponse:
    """Remove the second factor, or give out new recovery codes, after password and code."""
    user, now = user_of(request), timezone.now()
    if not factor_on(user=user):
        return redirect("second-factor-set-up")
    form = FactorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _confirm(request, user, form)
            if request.POST.get("wish") == "codes":
                return _codes_page(request, recovery_codes_renew(user=user, actor=actor_from(request), now=now))
            factor_remove(user=user, actor=actor_from(request), now=now)
        except TooMany:
            raise
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("The second factor is off: the password alone signs you in."))
            return redirect("account")
    return render(request, "accounts/second_factor.html", {"form": form})


def _confirm(request: HttpRequest, user: User, form: forms.Form) -> None:
    now = timezone.now()
    identity_confirm(user=user, password=form.cleaned_data["password"], now=now)
    factor_check(user=user, code=form.cleaned_data["code"], actor=actor_from(request), now=now)


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


urlpatterns = [
    path("sign-in/code/", sign_in_code, name="sign-in-code"),
    path("account/second-factor/", change, name="second-factor"),
    path("account/second-factor/set-up/", set_up, name="second-factor-set-up"),
]
