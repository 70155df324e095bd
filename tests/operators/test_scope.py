"""A manager sees the rows of his own community only: in lists, pages, searches, choices and decisions."""

import json

import pytest
from django.contrib import admin
from django.urls import reverse

from devices.models import Device
from devices.services.registry import device_disable
from myhouse.documents.services import SYSTEM, audit_record
from myhouse.models import AuditEntry, Household, User
from myhouse.services.suspension import household_suspend
from myhouse.tests.factories import NOW, CommunityRoleFactory, actor_of
from tests.operators.world import NAMES, OURS, World, registered, rows_listed, url

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SHARES_WORLDS = True
# Figures that belong to nobody, shown to all staff.
SHARED = {"myhouse.ReferenceSeries"}
# Tokens, messages, proofs: about everybody at once, or what would let somebody in.
OPERATORS_ONLY = {
    "myhouse.AccessToken",
    "myhouse.FailedTask",
    "myhouse.IdempotencyRecord",
    "myhouse.Notice",
    "myhouse.OutboxMessage",
    "myhouse.PrivacyJob",
    "myhouse.RecoveryCode",
    "myhouse.SecondFactor",
    "marketplace.LedgerProof",
}
MANAGED = [model for model in OURS if model._meta.label not in SHARED | OPERATORS_ONLY]
managed_list = pytest.mark.parametrize("model", MANAGED, ids=[model._meta.label for model in MANAGED])
DECIDED = [
    (model, decision) for model in OURS for decision in getattr(admin.site._registry.get(model), "decisions", ())
]
each_decision = pytest.mark.parametrize(
    ("model", "decision"), DECIDED, ids=[f"{model.__name__}-{one.name}" for model, one in DECIDED]
)


@managed_list
def test_a_list_holds_the_own_rows_and_no_others(client, manager, own, strange, model):
    listed = rows_listed(client.get(url(model, "changelist")))

    assert own.row(model).pk in listed
    assert strange.row(model).pk not in listed


@managed_list
def test_the_page_of_a_stranger_s_row_is_not_opened(client, manager, own, strange, model):
    assert client.get(url(model, "change", own.row(model).pk)).status_code == 200
    assert client.get(url(model, "change", strange.row(model).pk)).status_code in {302, 403}
    assert client.get(url(model, "history", strange.row(model).pk)).status_code in {302, 403}


@managed_list
def test_no_search_finds_a_stranger_s_row(client, manager, own, strange, model):
    for term in (strange.row(model).pk, strange.household.pk, strange.household.name, strange.user.email):
        assert strange.row(model).pk not in rows_listed(client.get(url(model, "changelist"), {"q": str(term)}))


@managed_list
def test_no_choice_or_column_names_a_stranger_s_community(client, manager, own, strange, model):
    World(own.community)
    text = client.get(url(model, "changelist")).content.decode()

    assert f">{strange.community.name}<" not in text
    assert str(strange.community.pk) not in text


@managed_list
def test_choosing_a_stranger_s_community_by_hand_shows_none_of_its_rows(client, manager, own, strange, model):
    for name in ("in_community", "community", "community__id__exact", "household__id__exact", "id__exact"):
        page = client.get(url(model, "changelist"), {name: str(strange.community.pk)}, follow=True)
        if page.status_code == 200:
            assert strange.row(model).pk not in rows_listed(page)


@pytest.mark.parametrize("label", sorted(OPERATORS_ONLY))
def test_what_concerns_everybody_is_the_operator_s_alone(client, manager, own, label):
    model = next(model for model in OURS if model._meta.label == label)

    assert client.get(url(model, "changelist")).status_code == 403
    assert client.get(url(model, "change", own.row(model).pk)).status_code == 403
    assert url(model, "changelist") not in client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize("found", [Household, User])
def test_completing_what_one_types_offers_no_stranger(client, manager, own, strange, found):
    source = {Household: ("communitymembership", "household"), User: ("membership", "user")}[found]

    answer = client.get(
        reverse("admin:autocomplete"),
        {"app_label": "myhouse", "model_name": source[0], "field_name": source[1], "term": ""},
    )

    offered = {row["id"] for row in json.loads(answer.content).get("results", [])}
    assert str(strange.row(found).pk) not in offered


@each_decision
def test_no_decision_reaches_a_stranger_s_row(client, manager, own, strange, model, decision):
    before = model.objects.filter(pk=strange.row(model).pk).values().get()
    given = {"confirmed": "yes", "reason": "mine", "action": decision.name, "index": 0}

    client.post(url(model, "changelist"), {**given, "_selected_action": strange.row(model).pk})
    one = client.post(url(model, f"decide_{decision.name}", strange.row(model).pk), given)

    assert one.status_code in {302, 403}
    assert model.objects.filter(pk=strange.row(model).pk).values().get() == before
    assert not AuditEntry.objects.filter(actor_id=manager.pk).exists()


@each_decision
def test_a_manager_decides_what_is_his_and_nothing_else(client, manager, own, model, decision):
    answer = client.get(url(model, f"decide_{decision.name}", own.row(model).pk))

    assert answer.status_code == (200 if decision.managers else 403)


@each_decision
def test_members_decide_nothing_here(client, own, model, decision):
    client.force_login(own.user)

    answer = client.post(url(model, f"decide_{decision.name}", own.row(model).pk), {"confirmed": "yes"})

    assert answer.status_code == 302
    assert answer.url.startswith("/admin/login/")


def test_money_is_decided_by_operators_alone():
    named = {(model.__name__, one.name): one.managers for model, one in DECIDED}

    assert not named["CashOrder", "confirm"]
    assert not named["CashOrder", "refuse"]
    assert not named["Trade", "reverse"]
    assert named["Household", "suspend"]


def test_a_manager_founds_no_community(client, manager):
    assert client.get(reverse("admin:myhouse_community_add")).status_code == 403


def test_the_audit_log_of_a_former_community_stays_there(client, manager, own, strange):
    elsewhere = audit_record(
        actor=SYSTEM, action="x", now=NOW, subject=own.household, community_id=strange.community.pk
    )
    unplaced = audit_record(actor=SYSTEM, action="x", now=NOW, subject=own.household)

    listed = rows_listed(client.get(url(AuditEntry, "changelist")))

    assert unplaced.pk in listed
    assert elsewhere.pk not in listed


def test_the_audit_log_tells_a_manager_who_switched_a_device_of_his_community(client, manager, own, strange):
    for world in (own, strange):
        world.row(Device).community_id = None
        device_disable(device=world.row(Device), actor=SYSTEM, now=NOW)

    page = client.get(url(AuditEntry, "changelist"), {"q": "device.disabled"})

    assert [row.subject_id for row in page.context["cl"].result_list] == [own.row(Device).pk]


def test_a_dismissed_manager_sees_nothing_any_more(client, manager, own):
    manager.community_roles.all().delete()

    assert rows_listed(client.get(url(Household, "changelist"))) == set()


def test_a_closed_account_sees_nothing(client, own):
    role = CommunityRoleFactory(community=own.community)
    User.objects.filter(pk=role.user_id).update(is_staff=True)
    client.force_login(User.objects.get(pk=role.user_id))
    User.objects.filter(pk=role.user_id).update(is_active=False)

    assert client.get(url(Household, "changelist")).status_code == 302


def test_a_household_that_left_is_not_seen_any_more(client, manager, own):
    household_suspend(household=own.household, reason="x", actor=actor_of(manager), now=NOW)
    own.household.community_memberships.update(ends_at=NOW)

    assert rows_listed(client.get(url(Household, "changelist"))) == set()


def test_every_list_was_thought_about():
    assert set(NAMES) >= SHARED | OPERATORS_ONLY
    for model in MANAGED:
        assert registered(model).scope is not None
