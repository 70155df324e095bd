"""Founding, inviting, joining, leaving."""

from datetime import timedelta

import pytest

from myhouse.errors import NotFound
from myhouse.models import AuditEntry, Household, Invitation, Membership
from myhouse.selectors.households import community_of, household_for, invitations_of, members_of
from myhouse.services.communities import (
    UnableToChangeCommunity,
    UnableToJoinCommunity,
    community_create,
    community_manager_remove,
    household_join_community,
)
from myhouse.services.households import (
    UnableToChangeMember,
    UnableToInvite,
    UnableToJoin,
    UnableToSaveHousehold,
    household_create,
    household_rename,
    invitation_accept,
    invitation_create,
    invitation_revoke,
    member_remove,
    member_role_set,
)
from myhouse.tests.factories import NOW, CommunityFactory, MembershipFactory, UserFactory, actor_of, home

pytestmark = pytest.mark.django_db
PLACE = {"time_zone": "Europe/Berlin", "currency": "EUR"}


def create(user, **fields):
    values = {"name": "Garden Street 5", **PLACE, "community": None, **fields}
    return household_create(owner=user, actor=actor_of(user), now=NOW, **values)


def invite(user, household, **fields):
    values = {"role": "viewer", "email": "", **fields}
    return invitation_create(household=household, actor=actor_of(user), now=NOW, **values)


def test_the_founder_owns_the_household_and_sees_all_its_past():
    user = UserFactory()

    household = create(user)

    access = household_for(user=user, household_id=household.pk, now=NOW)
    assert (access.role, access.since.year) == ("owner", 2000)
    assert AuditEntry.objects.get(action="household.create").actor_id == user.pk


@pytest.mark.parametrize(
    ("field", "value"), [("name", "  "), ("name", "x" * 81), ("time_zone", "Mars/Base"), ("currency", "BTC")]
)
def test_refuses_a_household_with_a_wrong_field_and_names_it(field, value):
    with pytest.raises(UnableToSaveHousehold) as refused:
        create(UserFactory(), **{field: value})

    assert refused.value.field == field
    assert Household.objects.count() == 0


def test_refuses_an_empty_new_name():
    user, household = home()

    with pytest.raises(UnableToSaveHousehold):
        household_rename(household=household, name="", actor=actor_of(user), now=NOW)


def test_joins_by_an_invitation_and_sees_data_from_then_on():
    owner, household = home()
    _invitation, secret = invite(owner, household, role="viewer")
    guest = UserFactory()

    invitation_accept(secret=secret, user=guest, now=NOW + timedelta(hours=1))

    access = household_for(user=guest, household_id=household.pk, now=NOW + timedelta(hours=1))
    assert (access.role, access.since) == ("viewer", NOW + timedelta(hours=1))


def test_shares_the_past_with_a_new_member_when_the_invitation_says_so():
    owner, household = home()
    _invitation, secret = invite(owner, household, history_shared=True)
    guest = UserFactory()

    membership = invitation_accept(secret=secret, user=guest, now=NOW)

    assert membership.starts_at == Membership.objects.get(user=owner).starts_at


def test_keeps_the_secret_of_an_invitation_nowhere():
    owner, household = home()

    invitation, secret = invite(owner, household)

    assert secret not in str(Invitation.objects.values().get(pk=invitation.pk))


def test_an_invitation_works_once():
    owner, household = home()
    _invitation, secret = invite(owner, household)
    invitation_accept(secret=secret, user=UserFactory(), now=NOW)

    with pytest.raises(UnableToJoin, match="used already"):
        invitation_accept(secret=secret, user=UserFactory(), now=NOW)


def test_an_invitation_ends_after_seven_days():
    owner, household = home()
    _invitation, secret = invite(owner, household)

    with pytest.raises(UnableToJoin, match="expired"):
        invitation_accept(secret=secret, user=UserFactory(), now=NOW + timedelta(days=7))


def test_a_revoked_invitation_does_nothing():
    owner, household = home()
    invitation, secret = invite(owner, household)
    invitation_revoke(household=household, invitation_id=invitation.pk, actor=actor_of(owner), now=NOW)

    with pytest.raises(UnableToJoin, match="withdrawn"):
        invitation_accept(secret=secret, user=UserFactory(), now=NOW)
    assert invitations_of(household=household, now=NOW) == []


def test_an_invitation_of_another_household_cannot_be_revoked():
    owner, household = home()
    invitation, _secret = invite(owner, household)
    other_owner, other = home()

    with pytest.raises(NotFound):
        invitation_revoke(household=other, invitation_id=invitation.pk, actor=actor_of(other_owner), now=NOW)


def test_an_unknown_secret_is_not_found():
    with pytest.raises(NotFound):
        invitation_accept(secret="nonsense", user=UserFactory(), now=NOW)


def test_refuses_to_join_twice_and_leaves_the_invitation_open():
    owner, household = home()
    _invitation, secret = invite(owner, household)

    with pytest.raises(UnableToJoin, match="already"):
        invitation_accept(secret=secret, user=owner, now=NOW)
    assert len(invitations_of(household=household, now=NOW)) == 1


def test_bounds_the_open_invitations():
    owner, household = home()
    for _ in range(20):
        invite(owner, household)

    with pytest.raises(UnableToInvite, match="Revoke"):
        invite(owner, household)


def test_refuses_an_unknown_role():
    owner, household = home()

    with pytest.raises(UnableToInvite) as refused:
        invite(owner, household, role="king")

    assert refused.value.field == "role"


def test_the_last_owner_cannot_leave():
    owner, household = home()
    MembershipFactory(household=household, role="viewer")
    own = Membership.objects.get(user=owner)

    with pytest.raises(UnableToChangeMember):
        member_remove(household=household, membership_id=own.pk, actor=actor_of(owner), now=NOW)


def test_the_last_owner_cannot_become_a_viewer():
    owner, household = home()
    own = Membership.objects.get(user=owner)

    with pytest.raises(UnableToChangeMember):
        member_role_set(household=household, membership_id=own.pk, role="viewer", actor=actor_of(owner), now=NOW)


def test_moving_out_ends_the_period_and_keeps_the_row():
    owner, household = home()
    second = MembershipFactory(household=household)

    member_remove(household=household, membership_id=second.pk, actor=actor_of(owner), now=NOW)

    second.refresh_from_db()
    assert second.ends_at == NOW
    assert [member.user_id for member in members_of(household=household, now=NOW)] == [owner.pk]


def test_who_comes_back_does_not_see_the_time_between():
    owner, household = home()
    guest = UserFactory()
    MembershipFactory(household=household, user=guest, ends_at=NOW - timedelta(days=30))
    _invitation, secret = invite(owner, household, history_shared=True)

    membership = invitation_accept(secret=secret, user=guest, now=NOW)

    assert membership.starts_at == NOW - timedelta(days=30)


def test_a_member_of_another_household_is_not_found():
    _owner, household = home()
    stranger, _other = home()
    theirs = Membership.objects.get(user=stranger)

    with pytest.raises(NotFound):
        member_remove(household=household, membership_id=theirs.pk, actor=actor_of(stranger), now=NOW)


def test_a_household_belongs_to_one_community_at_a_time():
    owner, household = home()
    first, second = CommunityFactory(), CommunityFactory()
    join = {"household": household, "actor": actor_of(owner), "now": NOW}

    household_join_community(community=first, starts_at=NOW - timedelta(days=9), **join)
    household_join_community(community=second, starts_at=NOW, **join)

    assert community_of(household=household, now=NOW - timedelta(days=1)) == first
    assert community_of(household=household, now=NOW) == second


def test_refuses_to_join_a_community_before_a_later_one_began():
    owner, household = home()
    join = {"household": household, "actor": actor_of(owner), "now": NOW}
    household_join_community(community=CommunityFactory(), starts_at=NOW, **join)

    with pytest.raises(UnableToJoinCommunity):
        household_join_community(community=CommunityFactory(), starts_at=NOW - timedelta(days=1), **join)


def test_refuses_a_community_with_another_currency():
    owner, household = home()

    with pytest.raises(UnableToJoinCommunity) as refused:
        household_join_community(
            household=household,
            community=CommunityFactory(currency="CHF"),
            starts_at=NOW,
            actor=actor_of(owner),
            now=NOW,
        )

    assert refused.value.field == "currency"


def test_the_last_manager_of_a_community_cannot_be_dismissed():
    manager = UserFactory()
    community = community_create(name="Hill", **PLACE, country="DE", manager=manager, actor=actor_of(manager), now=NOW)

    with pytest.raises(UnableToChangeCommunity):
        community_manager_remove(community=community, user=manager, actor=actor_of(manager), now=NOW)


def test_refuses_a_second_community_of_the_same_name():
    values = {**PLACE, "country": "DE", "manager": None, "actor": actor_of(UserFactory()), "now": NOW}
    community_create(name="Hill", **values)

    with pytest.raises(UnableToChangeCommunity) as refused:
        community_create(name="Hill", **values)

    assert refused.value.field == "name"


def test_who_was_removed_cannot_come_back_by_a_link_of_his_own():
    owner, household = home()
    second = MembershipFactory(household=household)
    _invitation, secret = invite(second.user, household, role="owner")

    member_remove(household=household, membership_id=second.pk, actor=actor_of(owner), now=NOW)

    with pytest.raises(UnableToJoin, match="withdrawn"):
        invitation_accept(secret=secret, user=second.user, now=NOW)


def test_the_links_of_an_owner_who_becomes_a_viewer_do_nothing():
    owner, household = home()
    second = MembershipFactory(household=household)
    _invitation, secret = invite(second.user, household, role="owner")

    member_role_set(household=household, membership_id=second.pk, role="viewer", actor=actor_of(owner), now=NOW)

    with pytest.raises(UnableToJoin, match="withdrawn"):
        invitation_accept(secret=secret, user=UserFactory(), now=NOW)
