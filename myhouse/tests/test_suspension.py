"""Suspending a household: once, with a reason, heard of by the upper floors, undone as a whole."""

import sys
from types import ModuleType

import pytest

from myhouse.errors import UnableTo
from myhouse.models import AuditEntry, Household, Notice
from myhouse.selectors.households import UnableWhileSuspended, household_require_active
from myhouse.services.suspension import UnableToSuspend, household_resume, household_suspend
from myhouse.tests.factories import NOW, CommunityMembershipFactory, UserFactory, actor_of, home

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor():
    return actor_of(UserFactory(is_staff=True))


@pytest.fixture
def upper_floor(settings, monkeypatch):
    """A module of an upper floor that keeps what it hears."""
    module = ModuleType("upper_floor_of_this_test")
    module.heard = []
    module.household_suspended = lambda **told: module.heard.append(told)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.HOUSEHOLD_LIFECYCLE = [module.__name__]
    return module


def test_a_suspended_household_may_not_trade_until_it_is_resumed(actor):
    _member, household = home()
    stale = Household.objects.get(pk=household.pk)

    household_suspend(household=household, reason="Unpaid  bills", actor=actor, now=NOW)

    with pytest.raises(UnableWhileSuspended, match="Unpaid bills"):
        household_require_active(stale)
    household_resume(household=stale, actor=actor, now=NOW)
    household_require_active(stale)
    assert Household.objects.get(pk=household.pk).suspended_reason == ""


def test_both_changes_are_in_the_audit_log_of_the_community(actor):
    _member, household = home()
    community_id = CommunityMembershipFactory(household=household).community_id

    household_suspend(household=household, reason="Unpaid bills", actor=actor, now=NOW)
    household_resume(household=household, actor=actor, now=NOW)

    entries = list(AuditEntry.objects.order_by("pk"))
    assert [entry.action for entry in entries] == ["household.suspend", "household.resume"]
    assert {entry.community_id for entry in entries} == {community_id}
    assert {entry.actor_id for entry in entries} == {actor.user_id}
    assert entries[0].details == {"reason": "Unpaid bills"}


def test_the_members_are_told_of_both_changes_in_their_language(actor):
    member, household = home(name="Lime house", user=UserFactory(language="de"))

    household_suspend(household=household, reason="Unpaid bills.", actor=actor, now=NOW)
    household_resume(household=household, actor=actor, now=NOW)

    notices = list(Notice.objects.order_by("pk"))
    assert [notice.user_id for notice in notices] == [member.pk, member.pk]
    assert "Lime house" in notices[0].text
    assert "Unpaid bills" in notices[0].text
    assert notices[0].url == f"/households/{household.pk}/"


def test_refuses_to_suspend_twice_and_to_resume_what_is_not_suspended(actor):
    _member, household = home()

    with pytest.raises(UnableToSuspend, match="not suspended"):
        household_resume(household=household, actor=actor, now=NOW)
    household_suspend(household=household, reason="first", actor=actor, now=NOW)
    with pytest.raises(UnableToSuspend, match="already"):
        household_suspend(household=household, reason="second", actor=actor, now=NOW)
    assert Household.objects.get(pk=household.pk).suspended_reason == "first"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_refuses_a_suspension_without_a_reason_that_can_be_shown(actor, reason):
    _member, household = home()

    with pytest.raises(UnableToSuspend) as refusal:
        household_suspend(household=household, reason=reason, actor=actor, now=NOW)

    assert refusal.value.field == "reason"
    assert Household.objects.get(pk=household.pk).suspended_at is None


def test_upper_floors_hear_of_the_events_they_have_a_function_for(actor, upper_floor):
    _member, household = home()

    household_suspend(household=household, reason="Unpaid bills", actor=actor, now=NOW)
    household_resume(household=household, actor=actor, now=NOW)

    assert upper_floor.heard == [{"household": household, "actor": actor, "now": NOW}]


def test_what_an_upper_floor_refuses_leaves_the_household_as_it_was(actor, upper_floor):
    def refuse(**_told):
        raise UnableTo("Not now.")

    upper_floor.household_suspended = refuse
    _member, household = home()

    with pytest.raises(UnableTo, match="Not now"):
        household_suspend(household=household, reason="Unpaid bills", actor=actor, now=NOW)

    assert Household.objects.get(pk=household.pk).suspended_at is None
    assert not AuditEntry.objects.exists()
