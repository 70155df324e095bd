"""Taking a person's name and address out of texts that stay."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model, Q

from myhouse.models import AuditEntry

_ROWS_AT_ONCE = 1_000
# An id, a number, a time: digits, the letters of hexadecimal numbers, and what stands between them.
_NO_WORDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[\d.,:+\-TZ ]*")


def namer(*, email: str, names: Sequence[str], pseudonym: str) -> Callable[[Any], Any]:
    """Return what puts the pseudonym wherever the address or a name stands, in a text or in a document of texts.

    A name of one word is left alone: it may be anybody's, or no name at all.
    """
    forms = [re.escape(email), *(re.escape(name) for name in names if len(name.split()) > 1)]
    pattern = re.compile(rf"(?<![\w.+-])(?:{'|'.join(forms)})(?![\w-])", re.IGNORECASE)

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(pseudonym, value)
        if isinstance(value, dict):
            return {put(key): put(one) for key, one in value.items()}
        if isinstance(value, list):
            return [put(one) for one in value]
        return value

    return put


def texts_change(model: type[Model], column: str, put: Callable[[Any], Any]) -> int:
    """Change a column of all rows in which there is something to change; returns how many those are."""
    rows = model._default_manager.exclude(**{column: ""})
    changed, page = 0, rows
    while found := list(page.order_by("pk").values_list("pk", column)[:_ROWS_AT_ONCE]):
        for pk, value in found:
            other = put(value)
            if other != value:
                length = getattr(model._meta.get_field(column), "max_length", None)
                written = other[:length] if isinstance(other, str) else other
                changed += model._default_manager.filter(pk=pk).update(**{column: written})
        page = rows.filter(pk__gt=found[-1][0])
    return changed


def audit_neutralise(entries: Q) -> None:
    """Leave of what audit entries say in words only ids, numbers and times: names and titles are a person's own."""
    last = uuid.UUID(int=0)
    rows = AuditEntry.objects.filter(entries).exclude(details={})
    while found := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", "details")[:_ROWS_AT_ONCE]):
        for pk, details in found:
            AuditEntry.objects.filter(pk=pk).update(details=_wordless(details))
        last = found[-1][0]


def _wordless(value: Any) -> Any:
    if isinstance(value, str):
        return value if _NO_WORDS.fullmatch(value) else ""
    if isinstance(value, dict):
        return {key: _wordless(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_wordless(one) for one in value]
    return value
