"""People and the tokens that act for them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document


class UserManager(BaseUserManager["User"]):
    """Creates users the way `createsuperuser` expects it."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who signs in with this address (kept in lower case)."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(Document, AbstractBaseUser, PermissionsMixin):
    """A person who signs in with an e-mail address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80)
    language = models.CharField(max_length=8, default="en")
    theme = models.CharField(
        max_length=8, default="auto", choices=[("auto", "Auto"), ("light", "Light"), ("dark", "Dark")]
    )
    name_shown_to_neighbours = models.BooleanField(default=False)
    told_on_page = models.BooleanField(default=True, help_text="News (a sale, a decision) show up on the pages.")
    told_by_mail = models.BooleanField(default=True, help_text="The same news come by mail.")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    # Not stored: while a service token acts for the user, the one household it reaches.
    only_household_id: uuid.UUID | None = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        indexes = [models.Index(fields=["email"], name="user_email")]

    def __str__(self) -> str:
        return self.email


class TokenKind(models.TextChoices):
    """A user's own token lasts an hour after its last use; a service's has a date and rights of its own."""

    USER = "user", _("Personal")
    SERVICE = "service", _("Service")


class AccessToken(Document):
    """A bearer token, kept as its SHA-256 digest: a user's own one, or one for a service he lets in."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    kind = models.CharField(max_length=8, choices=TokenKind, default=TokenKind.USER)
    household = models.ForeignKey(
        "myhouse.Household",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Service: the only household it reaches.",
    )
    scopes = models.JSONField(default=list, blank=True, help_text="Service: what it may do.")
    name = models.CharField(max_length=80, default="API")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["digest"], name="token_digest"),
            models.Index(fields=["user", "expires_at"], name="token_user"),
            models.Index(fields=["household", "kind"], name="token_household"),
            models.Index(fields=["expires_at"], name="token_expiry"),
        ]


class SecondFactor(Document):
    """A user's authenticator app: its secret is derived from the installation's key and this salt."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor")
    salt = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="Asked for at sign-in from then on.")
    last_step = models.BigIntegerField(default=0, help_text="Time step of the last code taken: none is taken twice.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user"], name="factor_user")]


class RecoveryCode(Document):
    """A code that stands in for the authenticator once, kept as its digest."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_once")]
        indexes = [models.Index(fields=["user", "digest"], name="recovery_lookup")]


class Notice(Document):
    """News for one person, shown on the pages until read."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    text = models.CharField(max_length=300, help_text="In the person's language.")
    url = models.CharField(max_length=200, blank=True, default="", help_text="The page it is about.")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(default=FOREVER, help_text="Far future while unread.")

    class Meta:
        indexes = [
            models.Index(fields=["user", "read_at"], name="notice_unread"),
            models.Index(fields=["user", "-created_at", "-id"], name="notice_recent"),
            models.Index(fields=["created_at"], name="notice_age"),
        ]


class PrivacyJob(Document):
    """A person's request for all of his data, or to be forgotten; worked on in the background."""

    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="privacy_jobs")
    kind = models.CharField(max_length=8, choices=[("export", _("Export")), ("erase", _("Erasure"))])
    state = models.CharField(
        max_length=10,
        default="requested",
        choices=[(s, s) for s in ("requested", "running", "done", "failed")],
    )
    parts_total = models.PositiveIntegerField(default=0)
    parts_done = models.PositiveIntegerField(default=0)
    stored_path = models.CharField(max_length=200, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(default=FOREVER, help_text="From then on the file is gone.")

    class Meta:
        indexes = [
            models.Index(fields=["user", "-requested_at"], name="privacy_user"),
            models.Index(fields=["state", "requested_at"], name="privacy_state"),
        ]
