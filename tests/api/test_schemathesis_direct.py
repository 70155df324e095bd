"""The plain asynchronous views, which read what was committed only: the fast reads, and ingest with device keys."""

from __future__ import annotations

import pytest

from devices.models import Device, KeySlot
from devices.services.keys import device_key_issue
from myhouse.api import hot
from myhouse.documents.services import SYSTEM
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, home
from tests.api.asked import CHECKS, DIRECT, EXAMPLES_EACH, asked, every, example_of, is_ingest, operations, requests_of
from tests.security.world import world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("at_now", "unbounded"),
    pytest.mark.django_db(transaction=True),
]
OPERATIONS = operations()
INGEST = sorted(name for name, one in OPERATIONS.items() if is_ingest(one))


@pytest.fixture(autouse=True)
def _fresh():
    hot.forget()


def test_the_fast_reads_and_ingest_answer_as_described():
    made = world()
    device = Device.objects.get(pk=made.ids["device_id"])
    _key, key = device_key_issue(device=device, slot=KeySlot.SECONDARY, actor=SYSTEM, now=NOW)
    secrets = dict.fromkeys(DIRECT, made.secrets["token"]) | dict.fromkeys(INGEST, key)
    for name, secret in secrets.items():

        def judge(case, secret=secret):
            case.validate_response(asked(case, secret), checks=CHECKS)

        every(requests_of(OPERATIONS[name], made.ids), judge, examples=3 * EXAMPLES_EACH)


def test_the_fast_reads_take_their_own_example():
    made = world()

    answers = [asked(example_of(OPERATIONS[name], made.ids), made.secrets["token"]) for name in sorted(DIRECT)]

    assert [one.status_code for one in answers] == [200, 200]


def test_the_fast_reads_and_ingest_give_nothing_to_a_stranger():
    made = world()
    stranger, _household = home()
    _token, secret = token_issue(user=stranger, name="x", now=NOW)

    answered = {
        name: asked(example_of(OPERATIONS[name], made.ids), secret).status_code for name in (*sorted(DIRECT), *INGEST)
    }

    assert answered == dict.fromkeys(DIRECT, 404) | dict.fromkeys(INGEST, 401)
