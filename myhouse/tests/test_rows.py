"""Rows written by kept statements are the same as rows written by the ORM, and so are the refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection

from myhouse.documents import rows
from myhouse.documents.base import FOREVER
from myhouse.documents.models import AuditEntry
from myhouse.documents.rows import row_change, rows_find, rows_insert
from myhouse.models import Battery, Notice, User
from myhouse.tests.factories import BatteryFactory, UserFactory

pytestmark = pytest.mark.django_db
# The finest difference of two times that the database keeps.
FINEST = timedelta(milliseconds=1) if connection.vendor == "mongodb" else timedelta(microseconds=1)
NOW = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC) + 123 * timedelta(milliseconds=1) + FINEST


@pytest.fixture(params=["kept statements", "the ORM"])
def way(request, monkeypatch) -> str:
    """Both ways of writing: the second one is what other stores than SQLite get."""
    if request.param == "the ORM":
        monkeypatch.setattr(rows, "KEPT_FOR", ())
        monkeypatch.setattr(rows, "TOLD_DIRECTLY", ())
    return request.param


def test_inserted_rows_come_back_as_they_were(way):
    user = UserFactory()
    notices = [Notice(user=user, text=f"News {number}", created_at=NOW) for number in range(3)]
    entry = AuditEntry(at=NOW, action="test", details={"price": 7, "of": [1, "ä"]})

    rows_insert(notices)
    rows_insert([entry])
    rows_insert([])

    found = {one.pk: one for one in Notice.objects.filter(user=user)}
    for notice in notices:
        for field in Notice._meta.concrete_fields:
            assert getattr(found[notice.pk], field.attname) == getattr(notice, field.attname)
    assert AuditEntry.objects.get(pk=entry.pk).details == {"price": 7, "of": [1, "ä"]}
    assert not notices[0]._state.adding


def test_a_row_that_breaks_a_constraint_is_refused(way):
    notice = Notice(user=UserFactory(), text="News", created_at=NOW)
    rows_insert([notice])

    with pytest.raises(IntegrityError):
        rows_insert([notice])


def test_a_row_changes_while_it_is_as_the_conditions_say(way):
    battery = BatteryFactory(capacity_wh=100, max_charge_w=60, max_discharge_w=7)

    def take() -> bool:
        return row_change(
            Battery,
            equal={"pk": battery.pk, "max_discharge_w": 7},
            at_least={"capacity_wh": ("max_charge_w", 20)},
            add={"max_charge_w": 20},
        )

    assert [take(), take(), take()] == [True, True, False]
    battery.refresh_from_db()
    assert (battery.capacity_wh, battery.max_charge_w, battery.max_discharge_w) == (100, 100, 7)


def test_columns_are_set_and_lowered_beside_a_plain_bound(way):
    battery = BatteryFactory(capacity_wh=100, max_charge_w=60, max_discharge_w=7)

    def lower() -> bool:
        return row_change(
            Battery,
            equal={"pk": battery.pk},
            at_least={"capacity_wh": 50},
            add={"capacity_wh": -50},
            put={"max_charge_w": 1},
        )

    assert [lower(), lower(), lower()] == [True, True, False]
    battery.refresh_from_db()
    assert (battery.capacity_wh, battery.max_charge_w) == (0, 1)


def test_a_row_of_another_key_or_value_is_left_alone(way):
    battery = BatteryFactory(max_charge_w=60)

    assert not row_change(Battery, equal={"pk": battery.pk, "max_charge_w": 61}, put={"max_charge_w": 1})
    assert not row_change(Battery, equal={"pk": battery.metering_point_id}, put={"max_charge_w": 1})
    battery.refresh_from_db()
    assert battery.max_charge_w == 60


def test_a_time_can_be_a_bound_and_a_foreign_key_the_name_of_a_row(way):
    user = UserFactory()
    rows_insert([Notice(user=user, text="News", created_at=NOW)])

    def read(since: datetime) -> bool:
        return row_change(Notice, equal={"user_id": user.pk}, at_least={"created_at": since}, put={"read_at": NOW})

    assert not read(NOW + FINEST)
    assert read(NOW)
    assert Notice.objects.get(user=user).read_at == NOW


def test_rows_are_found_as_the_orm_finds_them(way):
    user, other = UserFactory(), UserFactory()
    for number in range(4):
        moment = NOW + timedelta(hours=number)
        rows_insert([Notice(user=user, text=f"News {number}", created_at=moment)])
    rows_insert([Notice(user=other, text="Other news", created_at=NOW)])

    found = rows_find(Notice, user_id=user.pk, created_at__gte=NOW + timedelta(hours=1), created_at__lt=FOREVER)
    assert sorted(one.text for one in found) == ["News 1", "News 2", "News 3"]
    known = {one.pk: one for one in Notice.objects.all()}
    for one in found:
        for field in Notice._meta.concrete_fields:
            assert getattr(one, field.attname) == getattr(known[one.pk], field.attname)
        one.save()  # it knows that it is there already
    between = {"created_at__gt": NOW, "created_at__lte": NOW + timedelta(hours=1)}
    assert [one.text for one in rows_find(Notice, **between)] == ["News 1"]
    assert len(rows_find(Notice, user_id__in={user.pk, other.pk})) == 5
    assert rows_find(Notice, user_id__in=[]) == []
    assert rows_find(Notice, pk=user.pk) == []


def test_what_is_no_text_or_number_in_the_database_is_read_as_what_it_is(way):
    rows_insert([AuditEntry(at=NOW, action="test", details={"of": [1, "ä"]})])
    user = UserFactory(told_by_mail=False)

    (entry,) = rows_find(AuditEntry, action="test")
    (read,) = rows_find(User, pk=user.pk)

    assert (entry.at, entry.details, entry.actor_id) == (NOW, {"of": [1, "ä"]}, None)
    assert (read.told_by_mail, read.is_active, read.last_login) == (False, True, None)
