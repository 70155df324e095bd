"""People and the tokens that act for them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone

from myhouse.documents.base import Document


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
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        indexes = [models.Index(fields=["email"], name="user_email")]

    def __str__(self) -> str:
        return self.email


class AccessToken(Document):
    """A bearer token of a user, kept as its SHA-256 digest; each use renews a sliding one."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=80, default="API")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["digest"], name="token_digest"),
            models.Index(fields=["user", "expires_at"], name="token_user"),
        ]
