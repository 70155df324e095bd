"""Whatever is asked of the API, it answers as its description says: never a fault of ours, nothing of a stranger's."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, home
from tests.api.asked import (
    CHECKS,
    DIRECT,
    asked,
    every,
    example_of,
    is_ingest,
    mentions,
    operations,
    promised,
    requests_of,
    right_requests_of,
)
from tests.api.conftest import ids_in
from tests.taken_back import taken_back

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("uncounted", "at_now", "unbounded")]
OPERATIONS = operations()
PLAIN = [name for name, one in OPERATIONS.items() if not is_ingest(one) and name not in DIRECT]
# What stands against the example in this world: a contract before it, the last owner, the one who offers himself.
AGAINST = {
    "tokens_create": 401,
    "invitations_accept_create": 404,
    "devices_swap_questions_create": 409,
    "households_contracts_create": 409,
    "households_members_partial_update": 409,
    "households_members_destroy": 409,
    "households_metering_points_destroy": 409,
    "households_offers_create": 422,
    "households_offers_price": 422,
    "households_offers_purchases_create": 422,
    "uploads_preview": 409,
    "uploads_resume": 409,
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", PLAIN)
def test_answers_as_described(name, homes):
    operation = OPERATIONS[name]

    def judge(case):
        with taken_back():
            response = asked(case, homes.secret_for(operation))
            case.validate_response(response, checks=CHECKS)

    every(requests_of(operation, ids_in(homes, operation)), judge)


@pytest.mark.django_db
@pytest.mark.parametrize("name", PLAIN)
def test_takes_its_own_example(name, homes):
    operation = OPERATIONS[name]
    case = example_of(operation, ids_in(homes, operation))

    with taken_back():
        response = asked(case, homes.secret_for(operation))
        case.validate_response(response, checks=CHECKS)

    assert response.status_code == AGAINST.get(name, promised(operation)), response.text


@pytest.mark.django_db
@pytest.mark.parametrize("name", PLAIN)
def test_gives_nothing_of_somebody_elses_to_a_stranger(name, homes):
    operation, ids = OPERATIONS[name], ids_in(homes, OPERATIONS[name])
    stranger, _household = home()
    _token, secret = token_issue(user=stranger, name="x", now=NOW)
    answered = []

    def judge(case):
        with taken_back():
            answered.append(asked(case, secret).status_code if mentions(case, ids) else 404)

    every(st.one_of(right_requests_of(operation, ids), st.just(example_of(operation, ids))), judge)

    assert min(answered) >= 400
