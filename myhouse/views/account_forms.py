"""Forms of signing up, signing in and the account page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _

from myhouse.documents.services import Actor
from myhouse.models import User
from myhouse.services.accounts import user_password_set
from myhouse.services.letters import letter_reset

_EMAIL = forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"})
_THEMES = [("auto", _("As the device")), ("light", _("Light")), ("dark", _("Dark"))]


class SignInForm(AuthenticationForm):
    """E-mail and password; the address in any case."""

    username = forms.EmailField(
        label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    error_messages = {
        "invalid_login": _("E-mail and password do not belong together. Check both, or set a new password."),
        "inactive": _("E-mail and password do not belong together. Check both, or set a new password."),
    }

    def clean_username(self) -> str:
        """Compare addresses in lower case, as they are kept."""
        return str(self.cleaned_data["username"]).lower()


class SignUpForm(forms.Form):
    """What we need before the address is proven."""

    name = forms.CharField(label=_("Your name"), max_length=80, widget=forms.TextInput({"autocomplete": "name"}))
    email = forms.EmailField(label=_("E-mail"), max_length=254, widget=_EMAIL)


class NewPasswordForm(forms.Form):
    """The password of a new account."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        help_text=_("At least 10 characters; not a common word, not your name."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "minlength": 10}),
    )


class InvitedForm(NewPasswordForm):
    """Name and password of somebody whose address an invitation proves."""

    name = forms.CharField(label=_("Your name"), max_length=80, widget=forms.TextInput({"autocomplete": "name"}))
    field_order = ["name", "password"]


class ResetForm(PasswordResetForm):
    """Asks for a reset link; the mail goes out by the outbox."""

    email = forms.EmailField(label=_("E-mail"), max_length=254, widget=_EMAIL)

    def save(self, **options: Any) -> None:  # type: ignore[override] # mails go to the outbox
        """Owe the mail to the account of this address, if there is one."""
        email = self.cleaned_data["email"].lower()
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            return
        uid = urlsafe_base64_encode(force_bytes(user.pk))
        path = reverse("password-reset-confirm", args=[uid, options["token_generator"].make_token(user)])
        letter_reset(to=user.email, name=user.name, path=path, language=user.language, now=timezone.now())


class ResetPasswordForm(SetPasswordForm):  # type: ignore[type-arg] # not subscriptable at run time
    """Sets a new password and ends the tokens of the account."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        """Save by the service, so that it is audited."""
        actor = Actor(self.user.pk, self.user.email)
        return user_password_set(
            user=self.user, password=self.cleaned_data["new_password1"], actor=actor, now=timezone.now()
        )


class OwnPasswordForm(PasswordChangeForm):
    """Changes the password of the one who is signed in."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        """Save by the service, so that it is audited."""
        actor = Actor(self.user.pk, self.user.email)
        return user_password_set(
            user=self.user, password=self.cleaned_data["new_password1"], actor=actor, now=timezone.now()
        )


class AccountForm(forms.Form):
    """Name, language, brightness, and whether neighbours see the name."""

    name = forms.CharField(label=_("Your name"), max_length=80, widget=forms.TextInput({"autocomplete": "name"}))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    theme = forms.ChoiceField(label=_("Brightness"), choices=_THEMES)
    name_shown_to_neighbours = forms.BooleanField(
        label=_("Neighbours in my community may see my name"),
        required=False,
        help_text=_("Without it they see a neutral mark instead."),
    )
    told_on_page = forms.BooleanField(
        label=_("Show me news on these pages"),
        required=False,
        help_text=_("A sale, a refund, a decision on a deposit: a mark in the frame of every page counts them."),
    )
    told_by_mail = forms.BooleanField(label=_("Send me the same news by mail"), required=False)


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        label=_("What the token is for"), max_length=80, widget=forms.TextInput({"autocomplete": "off"})
    )
