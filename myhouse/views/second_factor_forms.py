"""Forms of the second factor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


def _password() -> forms.CharField:
    return forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def _code(*, help_text: Any, **attributes: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", **attributes}),
    )


class SignInCodeForm(forms.Form):
    """The code after the password."""

    code = _code(help_text=_("Six digits from your app, or one of your recovery codes."), autofocus=True)


class SetUpForm(forms.Form):
    """The first code of a new app, and the password again."""

    password = _password()
    code = _code(help_text=_("The six digits your app shows now."), inputmode="numeric")


class FactorForm(forms.Form):
    """Password and code, before the second factor is removed or new recovery codes are given out."""

    password = _password()
    code = _code(help_text=_("Six digits from your app, or one of your recovery codes."))
