"""Lists, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from myhouse.documents.models import AuditEntry
from myhouse.documents.pages import UnableToPage, limit_read, page
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries() -> list[AuditEntry]:
    """Nine entries, three at a time at the very same moment."""
    return [AuditEntry.objects.create(at=NOW + timedelta(microseconds=n // 3), action=f"a{n}") for n in range(9)]


def walked(order: str, limit: int) -> list[str]:
    seen, cursor = [], None
    while True:
        found = page(AuditEntry.objects.all(), order=order, limit=limit, cursor=cursor)
        seen += [one.action for one in found.items]
        if found.next_cursor is None:
            return seen
        cursor = found.next_cursor


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 10])
def test_pages_together_are_the_whole_list_in_order(entries, limit):
    assert walked("at", limit) == [f"a{n}" for n in range(9)]
    assert walked("-at", limit) == [f"a{n}" for n in reversed(range(9))]


def test_new_rows_before_the_cursor_are_neither_repeated_nor_skipped(entries):
    first = page(AuditEntry.objects.all(), order="-at", limit=3)
    AuditEntry.objects.create(at=NOW + timedelta(days=1), action="new")
    second = page(AuditEntry.objects.all(), order="-at", limit=3, cursor=first.next_cursor)

    assert [one.action for one in second.items] == ["a5", "a4", "a3"]


def test_a_page_is_one_query(entries, django_assert_num_queries):
    with django_assert_num_queries(1):
        page(AuditEntry.objects.all(), order="-at", limit=3)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "WzEsMl0", "é", "[" * 5000])
def test_refuses_a_made_up_cursor(entries, cursor):
    with pytest.raises(UnableToPage) as refusal:
        page(AuditEntry.objects.all(), order="-at", limit=3, cursor=cursor)
    assert refusal.value.field == "cursor"


@pytest.mark.parametrize("text", ["0", "201", "-1", "1.5", "²", "many"])
def test_refuses_a_limit_out_of_bounds(text):
    with pytest.raises(UnableToPage):
        limit_read(text)
