"""Pages of accounts: sign up, sign in and out, password, the account itself."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path, reverse, reverse_lazy
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from myhouse.context import household_remember
from myhouse.errors import UnableTo
from myhouse.limits import Limit, limit_clear, limit_hit
from myhouse.models import User
from myhouse.selectors.accounts import tokens_of
from myhouse.selectors.second_factor import factor_on, factor_state
from myhouse.services.accounts import THEMES, user_change
from myhouse.services.second_factor import PASSWORD_AGAIN
from myhouse.services.sign_up import Wish, sign_up_begin, sign_up_finish, sign_up_read
from myhouse.services.tokens import token_issue, token_revoke
from myhouse.templatetags.frame import THEME_COOKIE
from myhouse.views.account_forms import (
    AccountForm,
    NewPasswordForm,
    OwnPasswordForm,
    ResetForm,
    ResetPasswordForm,
    SignInForm,
    SignUpForm,
    TokenForm,
)
from myhouse.views.gate import actor_from, address_of, form_refuse, user_of
from myhouse.views.half_sign_in import half_begin

SIGN_IN_ADDRESS = Limit("sign-in-address", tries=60, window_s=300)
SIGN_IN_ACCOUNT = Limit("sign-in-account", tries=10, window_s=900)
SIGN_UP_ADDRESS = Limit("sign-up-address", tries=20, window_s=3600)
MAIL_ACCOUNT = Limit("mail-account", tries=3, window_s=3600)
BACKEND = "django.contrib.auth.backends.ModelBackend"
_YEAR_S = 365 * 24 * 3600


class SignInView(views.LoginView):
    """Sign in with e-mail and password."""

    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the try before the password is looked at."""
        now = timezone.now()
        limit_hit(limit=SIGN_IN_ADDRESS, subject=address_of(request), now=now)
        limit_hit(limit=SIGN_IN_ACCOUNT, subject=request.POST.get("username", "").strip().lower(), now=now)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Start the session in the member's language and brightness; with a second factor ask for its code first."""
        user: User = form.get_user()
        limit_clear(limit=SIGN_IN_ACCOUNT, subject=user.email, now=timezone.now())
        if factor_on(user=user):
            half_begin(self.request, user)
            return redirect(f"{reverse('sign-in-code')}?{urlencode({'next': self.get_redirect_url()})}")
        response = super().form_valid(form)
        preferences_keep(response, user)
        return response


class StaffSignInView(SignInView):
    """The sign-in before the operator's lists; who is signed in but no staff may sign in as somebody else."""

    redirect_authenticated_user = False


class PasswordResetView(views.PasswordResetView):
    """Ask for a link that sets a new password; answers the same for any address."""

    form_class = ResetForm
    template_name = "accounts/password_reset.html"
    success_url = reverse_lazy("password-reset-sent")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the try by address and by account, so that nobody's mailbox is filled."""
        _mail_limit(request)
        return super().post(request, *args, **kwargs)


class PasswordResetConfirmView(views.PasswordResetConfirmView):
    """Set a new password by the mailed link, which works once."""

    form_class = ResetPasswordForm
    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("sign-in")

    def form_valid(self, form: Any) -> HttpResponse:
        """Say that it worked on the sign-in page."""
        response = super().form_valid(form)
        messages.success(self.request, _("The new password holds. Sign in with it."))
        return response


class PasswordChangeView(views.PasswordChangeView):
    """Change one's own password."""

    form_class = OwnPasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("account")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the try: an open session must not serve to guess the password."""
        limit_hit(limit=PASSWORD_AGAIN, subject=str(user_of(request).pk), now=timezone.now())
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Say that it worked on the account page; this session goes on."""
        response = super().form_valid(form)
        messages.success(self.request, _("The password was changed. Other sessions and all API tokens have ended."))
        return response


@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for name and address; a mailed link goes on from there."""
    if request.user.is_authenticated:
        return redirect("home")
    form = SignUpForm(request.POST or None)
    invitation = request.POST.get("invitation") or request.GET.get("invitation", "")
    if request.method == "POST":
        _mail_limit(request)
        if form.is_valid():
            wish = Wish(
                email=form.cleaned_data["email"],
                name=form.cleaned_data["name"],
                language=translation.get_language() or "en",
                invitation=invitation[:100],
            )
            sign_up_begin(wish=wish, now=timezone.now())
            return redirect("sign-up-sent")
    return render(request, "accounts/sign_up.html", {"form": form, "invitation": invitation})


def sign_up_sent(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way."""
    return render(request, "accounts/mail_sent.html", {"mail_kept": _mail_kept(), "purpose": "sign-up"})


def password_reset_sent(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way, if there is such an account."""
    return render(request, "accounts/mail_sent.html", {"mail_kept": _mail_kept(), "purpose": "reset"})


@never_cache
@sensitive_post_parameters()
def sign_up_finish_page(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a password by the mailed link; the account is made and signed in."""
    form = NewPasswordForm(request.POST or None)
    try:
        wish = sign_up_read(token=token)
        if request.method == "POST" and form.is_valid():
            user, household = sign_up_finish(token=token, password=form.cleaned_data["password"], now=timezone.now())
            return welcome(request, user, household)
    except UnableTo as refusal:
        if refusal.field != "password":
            return render(request, "accounts/link_dead.html", {"message": _first_message(refusal)}, status=410)
        form_refuse(form, refusal)
        wish = sign_up_read(token=token)
    return render(request, "accounts/sign_up_finish.html", {"form": form, "wish": wish})


def welcome(request: HttpRequest, user: User, household: Any) -> HttpResponse:
    """Sign a new member in and lead on: to the household joined, else to founding one."""
    login(request, user, backend=BACKEND)
    if household is not None:
        household_remember(request, household)
    response = redirect("home") if household is not None else redirect("households")
    preferences_keep(response, user)
    return response


@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show and change name, language, brightness and consent; list the API tokens."""
    user = user_of(request)
    form = AccountForm(request.POST or None, initial=_account_values(user))
    if request.method == "POST" and form.is_valid():
        try:
            user_change(user=user, actor=actor_from(request), now=timezone.now(), **form.cleaned_data)
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            translation.activate(user.language)
            messages.success(request, _("Your account was changed."))
            response = redirect("account")
            preferences_keep(response, user)
            return response
    return _account_page(request, form=form)


@login_required
@require_POST
@never_cache
def token_new(request: HttpRequest) -> HttpResponse:
    """Give out an API token and show it, this once."""
    user, form = user_of(request), TokenForm(request.POST, auto_id="token_%s")
    if form.is_valid():
        try:
            _token, secret = token_issue(user=user, name=form.cleaned_data["name"], now=timezone.now())
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            return _account_page(request, secret=secret)
    return _account_page(request, token_form=form)


@login_required
@require_POST
def token_end(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    """Revoke one of the API tokens."""
    token_revoke(user=user_of(request), token_id=token_id, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("The token was revoked. Nothing can use it any more."))
    return redirect("account")


@require_POST
def theme_set(request: HttpRequest) -> HttpResponse:
    """Choose the brightness: for the account when signed in, else for this browser."""
    theme = request.POST.get("theme", "auto")
    response = _back(request)
    if theme not in THEMES:
        return response
    if request.user.is_authenticated:
        user = user_of(request)
        values = {**_account_values(user), "theme": theme}
        user_change(user=user, actor=actor_from(request), now=timezone.now(), **values)
    response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


@require_POST
def language_set(request: HttpRequest) -> HttpResponse:
    """Choose the language: for this browser, and for the account when signed in."""
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        user = user_of(request)
        values = {**_account_values(user), "language": language}
        user_change(user=user, actor=actor_from(request), now=timezone.now(), **values)
    return set_language(request)


def _account_page(request: HttpRequest, **extra: Any) -> HttpResponse:
    user = user_of(request)
    context = {
        "form": AccountForm(initial=_account_values(user)),
        "token_form": TokenForm(auto_id="token_%s"),
        "tokens": tokens_of(user=user, now=timezone.now()),
        "factor": factor_state(user=user),
        **extra,
    }
    return render(request, "accounts/account.html", context)


def _account_values(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "language": user.language,
        "theme": user.theme,
        "name_shown_to_neighbours": user.name_shown_to_neighbours,
        "told_on_page": user.told_on_page,
        "told_by_mail": user.told_by_mail,
    }


def _mail_limit(request: HttpRequest) -> None:
    now = timezone.now()
    limit_hit(limit=SIGN_UP_ADDRESS, subject=address_of(request), now=now)
    limit_hit(limit=MAIL_ACCOUNT, subject=request.POST.get("email", "").strip().lower(), now=now)


def _mail_kept() -> bool:
    """Whether mail is kept in a folder here instead of being sent."""
    return settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"


def preferences_keep(response: HttpResponse, user: User) -> None:
    """Keep language and brightness in cookies, so that they hold before and after the session."""
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, max_age=_YEAR_S, samesite="Lax", secure=secure)
    response.set_cookie(THEME_COOKIE, user.theme, max_age=_YEAR_S, samesite="Lax", secure=secure)


def _first_message(refusal: UnableTo) -> str:
    return refusal.errors[0].message if refusal.errors else refusal.message


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """Return to the page the form stood on, if it is ours."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if safe else "/")


protect = [never_cache, sensitive_post_parameters("password", "new_password1", "new_password2", "old_password")]
for _view in (SignInView, PasswordResetConfirmView, PasswordChangeView):
    method_decorator(protect, name="dispatch")(_view)

urlpatterns = [
    path("sign-in/", SignInView.as_view(), name="sign-in"),
    path("sign-out/", views.LogoutView.as_view(), name="sign-out"),
    path("sign-up/", sign_up, name="sign-up"),
    path("sign-up/sent/", sign_up_sent, name="sign-up-sent"),
    path("sign-up/finish/<str:token>/", sign_up_finish_page, name="sign-up-finish"),
    path("password/reset/", PasswordResetView.as_view(), name="password-reset"),
    path("password/reset/sent/", password_reset_sent, name="password-reset-sent"),
    path("password/reset/<uidb64>/<token>/", PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("password/change/", PasswordChangeView.as_view(), name="password-change"),
    path("account/", account, name="account"),
    path("account/tokens/", token_new, name="account-token-new"),
    path("account/tokens/<uuid:token_id>/revoke/", token_end, name="account-token-revoke"),
    path("preferences/theme/", theme_set, name="theme-set"),
    path("preferences/language/", language_set, name="set_language"),
]
