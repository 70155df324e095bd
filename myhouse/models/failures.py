"""Background work that broke, kept until somebody has looked at it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document


class FailureOutcome(models.TextChoices):
    """What became of a failure."""

    OPEN = "", _("Open")
    RETRIED = "retried", _("Started again")
    DISMISSED = "dismissed", _("Dismissed")


class FailureKind(models.TextChoices):
    """Why a task or message was set aside."""

    RAISED = "raised", _("Raised an error")
    UNKNOWN = "unknown", _("Unknown task")
    UNREADABLE = "unreadable", _("Unreadable message")
    DEADLY = "deadly", _("Its worker died")


class FailedTask(Document):
    """A task that raised an error, or a message set aside; the same one again raises `times` while it is open."""

    kind = models.CharField(max_length=10, choices=FailureKind, default=FailureKind.RAISED)
    name = models.CharField(max_length=120)
    queue = models.CharField(max_length=40, blank=True, default="")
    fingerprint = models.CharField(max_length=64, help_text="Of name and arguments: what counts as the same task.")
    arguments = models.JSONField(default=dict, help_text='{"args": […], "kwargs": {…}}, as far as they may be kept.')
    repeatable = models.BooleanField(default=True, help_text="The arguments are kept whole: it can be started again.")
    body = models.TextField(blank=True, default="", help_text="The message as it stood in the queue, if it is kept.")
    error = models.CharField(max_length=300)
    traceback = models.TextField(blank=True, default="")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    at = models.DateTimeField(help_text="When it failed last.")
    settled_at = models.DateTimeField(default=FOREVER, help_text="Far future while open.")
    outcome = models.CharField(max_length=10, choices=FailureOutcome, blank=True, default=FailureOutcome.OPEN)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint", "settled_at"], name="failure_open_once")]
        indexes = [
            models.Index(fields=["fingerprint", "settled_at"], name="failure_lookup"),
            models.Index(fields=["settled_at", "-at"], name="failure_open"),
            models.Index(fields=["-at"], name="failure_recent"),
        ]

    def __str__(self) -> str:
        return self.name
