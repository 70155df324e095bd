"""Writing audit entries and outbox messages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from myhouse.documents.models import AuditEntry, OutboxMessage
from myhouse.documents.rows import rows_insert


@dataclass(frozen=True)
class Actor:
    """Who asks for a change: a user (or nobody, for the system itself) and the address it came from."""

    user_id: uuid.UUID | None = None
    label: str = "system"
    address: str = ""


SYSTEM = Actor()


def audit_record(
    *,
    actor: Actor,
    action: str,
    now: datetime,
    subject: Any = None,
    community_id: uuid.UUID | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write who did what to which document; call it inside the transaction of the change itself."""
    entry = AuditEntry(
        at=now,
        actor_id=actor.user_id,
        actor_label=actor.label,
        address=actor.address,
        action=action,
        subject_type=type(subject).__name__ if subject is not None else "",
        subject_id=getattr(subject, "pk", None),
        community_id=community_id,
        details=details or {},
    )
    rows_insert([entry])
    return entry


def outbox_put(*, topic: str, payload: dict[str, Any], now: datetime) -> OutboxMessage:
    """Write down something owed to the outside, in the transaction of the change that owes it."""
    return OutboxMessage.objects.create(topic=topic, payload=payload, created_at=now, due_at=now)
