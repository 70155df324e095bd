"""Rows for tests, complete and valid; what has rules is made by its service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor
from myhouse.models import (
    AccessToken,
    Appliance,
    Battery,
    Community,
    CommunityMembership,
    CommunityRole,
    Household,
    Measurement,
    Membership,
    MeteringPoint,
    User,
)
from myhouse.models.households import Role
from myhouse.models.metering import PointRole, Quantity

# One moment all tests may share: a Monday noon in Berlin, in summer time.
NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.django.Password(PASSWORD)


class CommunityFactory(DjangoModelFactory):
    class Meta:
        model = Community

    name = factory.Sequence(lambda n: f"Community {n}")


class CommunityRoleFactory(DjangoModelFactory):
    class Meta:
        model = CommunityRole

    user = factory.SubFactory(UserFactory)
    community = factory.SubFactory(CommunityFactory)


class HouseholdFactory(DjangoModelFactory):
    """A household without members; `home()` makes one that is lived in."""

    class Meta:
        model = Household

    name = factory.Sequence(lambda n: f"Home {n}")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    household = factory.SubFactory(HouseholdFactory)
    role = Role.OWNER
    starts_at = NOW - timedelta(days=365)
    ends_at = FOREVER


class CommunityMembershipFactory(DjangoModelFactory):
    class Meta:
        model = CommunityMembership

    household = factory.SubFactory(HouseholdFactory)
    community = factory.SubFactory(CommunityFactory)
    starts_at = NOW - timedelta(days=365)


class MeteringPointFactory(DjangoModelFactory):
    class Meta:
        model = MeteringPoint

    household = factory.SubFactory(HouseholdFactory)
    role = PointRole.GRID
    name = factory.Sequence(lambda n: f"Meter {n}")


class MeasurementFactory(DjangoModelFactory):
    """A measurement without a registered series; `metering.measurement_start` registers one."""

    class Meta:
        model = Measurement

    metering_point = factory.SubFactory(MeteringPointFactory)
    quantity = Quantity.IMPORT
    starts_at = NOW - timedelta(days=365)


class BatteryFactory(DjangoModelFactory):
    class Meta:
        model = Battery

    metering_point = factory.SubFactory(MeteringPointFactory, role=PointRole.BATTERY)
    capacity_wh = 10_000
    max_charge_w = 5_000
    max_discharge_w = 5_000


class ApplianceFactory(DjangoModelFactory):
    class Meta:
        model = Appliance

    household = factory.SubFactory(HouseholdFactory)
    kind = "stove"


class AccessTokenFactory(DjangoModelFactory):
    class Meta:
        model = AccessToken

    user = factory.SubFactory(UserFactory)
    digest = factory.Sequence(lambda n: f"{n:064x}")
    expires_at = NOW + timedelta(hours=1)


def home(*, role: str = Role.OWNER, user: User | None = None, **fields: object) -> tuple[User, Household]:
    """A household with one member since a year before NOW."""
    membership = MembershipFactory(user=user or UserFactory(), household=HouseholdFactory(**fields), role=role)
    return membership.user, membership.household


def actor_of(user: User) -> Actor:
    return Actor(user_id=user.pk, label=user.email, address="127.0.0.1")
