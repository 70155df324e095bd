"""Files that members hand in and what became of them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from myhouse.documents.base import Document


class Upload(Document):
    """A CSV or Excel file of readings: its mapping, state, progress and report."""

    household = models.ForeignKey("myhouse.Household", on_delete=models.CASCADE, related_name="uploads")
    uploaded_by = models.ForeignKey("myhouse.User", null=True, on_delete=models.SET_NULL, related_name="+")
    file_name = models.CharField(max_length=160)
    stored_path = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    state = models.CharField(
        max_length=12,
        default="received",
        choices=[(s, s) for s in ("received", "running", "done", "failed")],
    )
    mapping = models.JSONField(default=dict)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["household", "-created_at", "-id"], name="upload_household"),
            models.Index(fields=["state", "created_at"], name="upload_state"),
        ]
