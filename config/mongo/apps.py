"""Django's own apps with keys that MongoDB makes; our own models bring theirs."""

from __future__ import annotations

from django.contrib.admin import apps as admin
from django.contrib.auth import apps as auth
from django.contrib.contenttypes import apps as contenttypes

_KEY = "django_mongodb_backend.fields.ObjectIdAutoField"


class AdminConfig(admin.AdminConfig):
    """The admin's log entries."""

    default_auto_field = _KEY


class AuthConfig(auth.AuthConfig):
    """Permissions and groups."""

    default_auto_field = _KEY


class ContentTypesConfig(contenttypes.ContentTypesConfig):
    """Content types."""

    default_auto_field = _KEY
