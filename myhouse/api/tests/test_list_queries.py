"""Each list of the API costs the same number of queries, however long it is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from myhouse.documents.services import SYSTEM
from myhouse.models import Notice, Upload
from myhouse.services.households import invitation_create
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.services.reference import reference_register
from myhouse.services.tariffs import contract_create
from myhouse.services.tokens import service_token_issue, token_issue
from myhouse.tests.factories import (
    ApplianceFactory,
    BatteryFactory,
    MembershipFactory,
    MeteringPointFactory,
    actor_of,
    home,
)
from telemetry.model import QUARTER_MS

pytestmark = pytest.mark.django_db


class Growing:
    """A household that gains one of everything at a time."""

    def __init__(self):
        self.owner, self.household = home()
        _token, secret = token_issue(user=self.owner, name="x", now=timezone.now())
        self.client = Client(headers={"authorization": f"Bearer {secret}"})
        self.count = 0

    def grow(self):
        now, household, self.count = timezone.now(), self.household, self.count + 1
        common = {"household": household, "actor": actor_of(self.owner), "now": now}
        MembershipFactory(household=household)
        home(user=self.owner)
        BatteryFactory(metering_point__household=household)
        ApplianceFactory(household=household, kind="own", name=f"x{self.count}")
        point = metering_point_create(role="consumer", name="x", **common)
        measurement_start(metering_point=point, quantity="power", starts_at=now - timedelta(days=1))
        MeteringPointFactory(household=household)
        Upload.objects.create(
            household=household, uploaded_by=self.owner, file_name="x", stored_path="x", size=1, digest="0" * 64
        )
        Notice.objects.create(user=self.owner, text="x", created_at=now)
        invitation_create(role="viewer", email="", **common)
        day = (now - timedelta(days=self.count)).date()
        contract_create(
            direction="import",
            supplier_name="x",
            name="x",
            starts_on=day,
            ends_on=day + timedelta(days=1),
            terms={"price": {"kind": "flat", "uct_per_wh": 1}},
            **common,
        )
        reference_register(
            kind="price",
            name=f"x{self.count}",
            source="x",
            country="DE",
            interval_ms=QUARTER_MS,
            actor=SYSTEM,
            now=now,
        )
        token_issue(user=self.owner, name="x", now=now)
        service_token_issue(
            user=self.owner,
            name="x",
            scopes=["readings:read"],
            expires_at=now + timedelta(days=1),
            **common,
        )

    def queries(self, path):
        with CaptureQueriesContext(connection) as seen:
            answer = self.client.get(f"/api/v1/{path.format(self.household.pk)}")
        assert answer.status_code == 200
        return len(seen), answer.json()


# Token, its user, membership and household are four of them.
AT_MOST = {
    "households": 4,
    "households/{}/members": 6,
    "households/{}/invitations": 5,
    "households/{}/service-tokens": 6,
    "households/{}/metering-points": 5,
    "households/{}/batteries": 6,
    "households/{}/measurements": 6,
    "households/{}/uploads": 5,
    "households/{}/contracts": 5,
    "households/{}/appliances": 12,
    "tokens": 3,
    "notices": 4,
    "reference-series": 3,
}


@pytest.fixture
def growing():
    made = Growing()
    made.grow()
    return made


@pytest.mark.parametrize("path", AT_MOST)
def test_a_longer_list_costs_no_more_queries(growing, path):
    few, short = growing.queries(path)
    for _ in range(3):
        growing.grow()
    many, long = growing.queries(path)

    assert len(str(long)) > len(str(short))
    assert many == few <= AT_MOST[path]
