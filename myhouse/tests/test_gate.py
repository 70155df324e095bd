"""The one gate: who may open which household, and what he sees of it."""

from datetime import timedelta

import pytest

from myhouse.documents.base import FOREVER
from myhouse.errors import NotAllowed, NotFound
from myhouse.models import Membership
from myhouse.selectors.households import accesses_of, household_for, households_of, neighbour_names
from myhouse.tests.factories import NOW, HouseholdFactory, MembershipFactory, UserFactory, home

pytestmark = pytest.mark.django_db


def test_opens_a_household_for_its_member():
    user, household = home()

    access = household_for(user=user, household_id=household.pk, now=NOW)

    assert (access.household, access.role, access.until) == (household, "owner", FOREVER)


def test_answers_a_stranger_as_if_the_household_did_not_exist():
    _owner, household = home()

    with pytest.raises(NotFound):
        household_for(user=UserFactory(), household_id=household.pk, now=NOW)


def test_closes_to_a_member_who_has_moved_out():
    membership = MembershipFactory(ends_at=NOW)

    with pytest.raises(NotFound):
        household_for(user=membership.user, household_id=membership.household_id, now=NOW)


def test_is_still_open_one_moment_before_the_membership_ends():
    membership = MembershipFactory(ends_at=NOW)

    access = household_for(
        user=membership.user, household_id=membership.household_id, now=NOW - timedelta(milliseconds=1)
    )

    assert access.until == NOW


def test_opens_not_before_the_membership_starts():
    membership = MembershipFactory(starts_at=NOW + timedelta(days=1))

    with pytest.raises(NotFound):
        household_for(user=membership.user, household_id=membership.household_id, now=NOW)


def test_clips_what_is_read_to_the_time_of_membership():
    membership = MembershipFactory(starts_at=NOW - timedelta(days=10))
    access = household_for(user=membership.user, household_id=membership.household_id, now=NOW)

    clipped = access.clip(start=NOW - timedelta(days=300), end=NOW)
    before = access.clip(start=NOW - timedelta(days=300), end=NOW - timedelta(days=200))

    assert clipped == (NOW - timedelta(days=10), NOW)
    assert before[0] == before[1]


def test_refuses_changes_by_a_viewer():
    user, household = home(role="viewer")

    with pytest.raises(NotAllowed):
        household_for(user=user, household_id=household.pk, now=NOW).require_change()


@pytest.mark.parametrize(("agreed", "sums_only"), [(False, True), (True, False)])
def test_shows_a_supplier_sums_only_until_the_household_agrees(agreed, sums_only):
    user, household = home(role="supplier")
    Membership.objects.update(curves_agreed=agreed)

    assert household_for(user=user, household_id=household.pk, now=NOW).sums_only is sums_only


def test_lists_the_households_of_one_login_by_name_in_two_queries(django_assert_num_queries):
    user, _first = home(name="Zoo 1")
    home(user=user, name="alley 2")
    home(name="Not mine")

    with django_assert_num_queries(2):
        names = [one.name for one in households_of(user=user, now=NOW)]

    assert names == ["alley 2", "Zoo 1"]


def test_lists_nothing_that_has_ended():
    membership = MembershipFactory(ends_at=NOW - timedelta(days=1))

    assert accesses_of(user=membership.user, now=NOW) == []


def test_names_a_neighbour_only_with_consent(django_assert_num_queries):
    open_user = UserFactory(name="Kim", name_shown_to_neighbours=True)
    _same, open_home = home(user=open_user)
    shy_user, shy_home = home()
    empty_home = HouseholdFactory()

    with django_assert_num_queries(2):
        names = neighbour_names(household_ids=[open_home.pk, shy_home.pk, empty_home.pk], now=NOW)

    assert names[open_home.pk] == "Kim"
    assert shy_user.name not in names[shy_home.pk]
    assert shy_home.name not in names[shy_home.pk]
    assert names[empty_home.pk].startswith("Neighbour")
