"""One way to read a long list: sorted by one field, a page at a time, each page named by a cursor."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from myhouse.errors import UnableTo

T = TypeVar("T")
M = TypeVar("M", bound=Model)
LIMIT = 50
LIMIT_MAX = 200


class UnableToPage(UnableTo):
    """There is no such page."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """The rows of one page, and the cursor of the next one while there is more."""

    items: list[T]
    next_cursor: str | None


def page(rows: QuerySet[M], *, order: str, limit: int = LIMIT, cursor: str | None = None) -> Page[M]:
    """Return up to `limit` rows sorted by `order` (one field, `-` for descending; ties by key), one query.

    A cursor names the last row seen, not a number of rows: a page neither repeats nor misses rows when others come
    or go, and the last page costs as little as the first.

    An index has to have what `rows` is filtered by, then `order`, then `id`; then both SQLite and MongoDB (where it
    becomes one `$match`, `$sort` and `$limit`) read the rows of the page only.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise UnableToPage(_("Give a whole number from 1 to %(most)d.") % {"most": LIMIT_MAX}, field="limit")
    name, sign = order.removeprefix("-"), "-" if order.startswith("-") else ""
    if cursor:
        value, key = _cursor_read(cursor, rows, name)
        step = "lt" if sign else "gt"
        # In this order: the first condition is a bound on the index that also sorts, the second one only drops rows.
        rows = rows.filter(**{f"{name}__{step}e": value})
        rows = rows.filter(Q(**{f"{name}__{step}": value}) | Q(**{f"pk__{step}": key}))
    found = list(rows.order_by(order, f"{sign}pk")[: limit + 1])
    more = len(found) > limit
    items = found[:limit]
    return Page(items, _cursor_write(getattr(items[-1], name), items[-1].pk) if more else None)


def limit_read(text: str | None, *, default: int = LIMIT, most: int = LIMIT_MAX) -> int:
    """Read how many rows a page shall have from what a client wrote."""
    if not text:
        return default
    # Not too many digits either: reading those would cost.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise UnableToPage(_("Give a whole number from 1 to %(most)d.") % {"most": most}, field="limit")
    return int(text)


def _cursor_write(value: Any, key: Any) -> str:
    text = json.dumps([value, key], cls=_Exact, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class _Exact(DjangoJSONEncoder):
    """Times with all their digits."""

    def default(self, o: Any) -> Any:
        """Write a time in full, where Django's encoder cuts it to milliseconds."""
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _cursor_read(cursor: str, rows: QuerySet[Any], name: str) -> tuple[Any, Any]:
    meta = rows.model._meta
    refusal = UnableToPage(_("Use the cursor of the page before, or none to start over."), field="cursor")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        value, key = json.loads(raw)
        value, key = meta.get_field(name).to_python(value), meta.pk.to_python(key)
    except (binascii.Error, ValueError, TypeError, ValidationError, RecursionError):
        raise refusal from None
    # Nothing of ours has these: no cursor that was given out does either.
    if value is None or key is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise refusal
    return value, key
