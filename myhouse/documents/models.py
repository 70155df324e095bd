"""Records that make writing safe: requests seen, effects owed, changes made."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from myhouse.documents.base import FOREVER, Document


class IdempotencyRecord(Document):
    """A request that was answered: the same key and body get the same answer again."""

    scope = models.CharField(max_length=120, help_text="Actor and route the key belongs to.")
    key = models.CharField(max_length=80)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0, help_text="HTTP status; 0 while still running.")
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "myhouse"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_once")]
        indexes = [
            models.Index(fields=["scope", "key"], name="idempotency_lookup"),
            models.Index(fields=["created_at"], name="idempotency_age"),
        ]


class OutboxMessage(Document):
    """Something owed to the outside (a mail, a webhook): written with the change, sent afterwards."""

    topic = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(default=FOREVER, help_text="Far future while unsent.")
    tries = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        app_label = "myhouse"
        indexes = [models.Index(fields=["sent_at", "due_at"], name="outbox_owed")]


class AuditEntry(Document):
    """Who changed what, from where; never edited."""

    at = models.DateTimeField(default=timezone.now)
    actor_id = models.UUIDField(null=True, blank=True)
    actor_label = models.CharField(max_length=160, default="system")
    address = models.CharField(max_length=64, blank=True, default="")
    action = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=60, blank=True, default="")
    subject_id = models.UUIDField(null=True, blank=True)
    community_id = models.UUIDField(null=True, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        app_label = "myhouse"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_recent"),
            models.Index(fields=["subject_id", "-at"], name="audit_subject"),
        ]
