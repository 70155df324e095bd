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


class FailedTask(Document):
    """A task that raised an error; the same task failing again raises `times` while it is open."""

    name = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64, help_text="Of name and arguments: what counts as the same task.")
    arguments = models.JSONField(default=dict, help_text='{"args": […], "kwargs": {…}}, as far as they may be kept.')
    repeatable = models.BooleanField(default=True, help_text="The arguments are kept whole: it can be started again.")
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
