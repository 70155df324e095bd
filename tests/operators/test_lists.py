"""Every document has a list: complete, searched without faults, in a number of queries that does not grow."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.models import Trade
from myhouse.documents.services import SYSTEM, audit_record
from myhouse.models import AuditEntry, Household
from myhouse.tests.factories import NOW, actor_of
from tests.operators.world import NAMES, OURS, World, registered, rows_listed, url

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
every_list = pytest.mark.parametrize("model", OURS, ids=NAMES)
QUERIES_AT_MOST = 14
SHARES_WORLDS = True


def queries_of(client, address, **chosen):
    with CaptureQueriesContext(connection) as captured:
        page = client.get(address, chosen)
    assert page.status_code == 200
    return len(captured), page


@every_list
def test_every_own_document_has_a_list(model):
    assert model in admin.site._registry


@every_list
def test_the_operators_list_costs_the_same_with_four_communities_as_with_one(client, operator, own, model):
    client.get(url(model, "changelist"))
    few, _page = queries_of(client, url(model, "changelist"))
    for _ in range(3):
        World()

    many, page = queries_of(client, url(model, "changelist"))

    assert len(rows_listed(page)) > 1
    assert many == few <= QUERIES_AT_MOST


@every_list
def test_the_managers_list_costs_the_same_with_four_homes_as_with_one(client, manager, own, model):
    if not registered(model).has_module_permission(client.get("/admin/").wsgi_request):
        return
    client.get(url(model, "changelist"))
    few, _page = queries_of(client, url(model, "changelist"))
    for _ in range(3):
        World(own.community)

    many, _page = queries_of(client, url(model, "changelist"))

    assert many == few <= QUERIES_AT_MOST


@every_list
def test_no_search_breaks_a_list(client, operator, own, model):
    for term in ("019a0000-0000-7000-8000-000000000000", "nonsense", "  ", "'%\\", "é" * 300):
        assert client.get(url(model, "changelist"), {"q": term}).status_code == 200, term


@every_list
def test_a_row_is_found_by_its_id(client, operator, own, strange, model):
    page = client.get(url(model, "changelist"), {"q": str(own.row(model).pk)})

    assert own.row(model).pk in rows_listed(page)
    assert strange.row(model).pk not in rows_listed(page)


@every_list
def test_each_filter_can_be_chosen(client, operator, own, strange, model):
    page = client.get(url(model, "changelist"))
    for chosen in page.context["cl"].filter_specs:
        for choice in chosen.choices(page.context["cl"]):
            answer = client.get(url(model, "changelist") + choice.get("query_string", ""))
            assert answer.status_code == 200, choice


@every_list
def test_the_page_of_a_row_opens_in_few_queries_and_holds_no_form(client, operator, own, model):
    queries, page = queries_of(client, url(model, "change", own.row(model).pk))

    assert queries <= 20
    assert b'name="_save"' not in page.content


@every_list
def test_nothing_is_changed_or_deleted_past_the_services(client, operator, own, model):
    before = model.objects.filter(pk=own.row(model).pk).values().get()

    client.post(url(model, "change", own.row(model).pk), dict.fromkeys(before, "1"))
    client.post(url(model, "delete", own.row(model).pk), {"post": "yes"})
    client.post(
        url(model, "changelist"), {"action": "delete_selected", "_selected_action": own.row(model).pk, "post": 1}
    )

    assert model.objects.filter(pk=own.row(model).pk).values().get() == before


@every_list
def test_ids_that_are_none_are_answered_and_not_stumbled_over(client, operator, own, model):
    for page in ("change", "history", "delete"):
        assert client.get(url(model, page, "nonsense")).status_code in {302, 403}
    for action in registered(model).get_actions(client.get("/admin/").wsgi_request):
        answer = client.post(url(model, "changelist"), {"action": action, "_selected_action": "nonsense", "index": 0})
        assert answer.status_code == 302


@every_list
def test_money_energy_and_open_ends_are_written_for_people(client, operator, own, model):
    text = client.get(url(model, "changelist")).content.decode()

    assert "9999" not in text
    assert "object (" not in text


def test_members_open_none_of_it(client, own):
    client.force_login(own.user)

    assert client.get(reverse("admin:index")).status_code == 302
    for model in OURS:
        assert client.get(url(model, "changelist")).status_code == 302


def test_shows_no_digest_salt_or_content_of_messages(client, operator, own):
    secrets = {"digest", "salt", "payload", "stored_path", "password", "body_digest"}
    for model in OURS:
        page = client.get(url(model, "change", own.row(model).pk))
        fields = {name for fieldset in page.context["adminform"] for line in fieldset for name in line.fields}
        assert not secrets & fields, model


def test_the_audit_log_says_what_changed_in_a_line(client, operator, own):
    details = {"household": str(own.household.pk), "amount_uct": 250_000_000, "energy_wh": 1_200, "reason": "x" * 200}
    audit_record(actor=SYSTEM, action="trade.buy", now=NOW, subject=own.row(Trade), details=details)

    text = client.get(url(AuditEntry, "changelist"), {"q": "trade.buy"}).content.decode()

    assert "amount: 2.50, energy: 1.20\u202fkWh, reason: xxx" in text
    assert url(Trade, "change", own.row(Trade).pk) in text


def test_the_audit_log_is_narrowed_to_a_subject_and_to_who_changed_it(client, operator, own):
    mine = audit_record(actor=actor_of(operator), action="offer.withdraw", now=NOW)
    audit_record(actor=SYSTEM, action="offer.close", now=NOW)
    audit_record(actor=actor_of(operator), action="trade.reverse", now=NOW)

    listed = rows_listed(client.get(url(AuditEntry, "changelist"), {"about": "offer.", "by": "me"}))

    assert listed == {mine.pk}


def test_the_list_of_households_names_their_communities(client, operator, own, strange):
    text = client.get(url(Household, "changelist")).content.decode()

    assert f">{own.community.name}</a>" in text
    assert f">{strange.community.name}</a>" in text
