"""Reading the news of one person."""

from __future__ import annotations

from myhouse.documents.base import FOREVER
from myhouse.documents.pages import Page, page
from myhouse.models import Notice, User

COUNTED_AT_MOST = 100


def notices_page(*, user: User, cursor: str | None = None, limit: int = 50) -> Page[Notice]:
    """List the user's notices, the newest first; one query."""
    return page(Notice.objects.filter(user_id=user.pk), order="-created_at", cursor=cursor, limit=limit)


def notices_unread(*, user: User) -> int:
    """Count what the user has not read yet, up to a hundred."""
    return Notice.objects.filter(user_id=user.pk, read_at=FOREVER)[:COUNTED_AT_MOST].count()
