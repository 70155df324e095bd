"""What operators decide: asked once more, with a reason where one is owed, row by row, audited, refusals shown."""

from datetime import timedelta

import pytest
from celery import current_app
from django.contrib import admin
from django.urls import reverse

from devices.models import Device
from marketplace.models import CashOrder, Offer, Trade
from marketplace.services.cash import deposit_request
from marketplace.tests.factories import EURO, traders
from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.documents.services import outbox_put
from myhouse.models import (
    AuditEntry,
    Community,
    CommunityMembership,
    CommunityRole,
    FailedTask,
    Household,
    Notice,
    User,
)
from myhouse.services.failures import failure_record
from myhouse.services.tokens import token_issue, token_use
from myhouse.tests.factories import NOW, CommunityFactory, CommunityRoleFactory, HouseholdFactory, UserFactory, home
from tests.operators.world import url

pytestmark = pytest.mark.django_db


def ask(client, rows, name):
    """Choose a decision in the list, as somebody does who has ticked these rows."""
    return client.post(
        url(type(rows[0]), "changelist"),
        {"action": name, "index": 0, "_selected_action": [row.pk for row in rows]},
    )


def decide(client, rows, name, **given):
    """Confirm a decision about rows of a list; returns the messages shown afterwards."""
    answer = client.post(
        url(type(rows[0]), "changelist"),
        {"action": name, "_selected_action": [row.pk for row in rows], "confirmed": "yes", **given},
        follow=True,
    )
    return [str(message) for message in answer.context["messages"]]


def decide_one(client, row, name, **given):
    return client.post(url(type(row), f"decide_{name}", row.pk), {"confirmed": "yes", **given}, follow=True)


def test_nothing_happens_before_it_is_confirmed(client, operator):
    _member, household = home()

    page = ask(client, [household], "suspend")

    assert page.status_code == 200
    assert household.name in page.content.decode()
    assert b'name="reason"' in page.content
    assert Household.objects.get().suspended_at is None


def test_a_household_is_suspended_with_a_reason_that_is_audited_and_told(client, operator):
    member, household = home()

    decide_one(client, household, "suspend", reason="Unpaid bills")

    household.refresh_from_db()
    assert (household.suspended_at, household.suspended_reason) == (NOW, "Unpaid bills")
    entry = AuditEntry.objects.get(action="household.suspend")
    assert (entry.actor_id, entry.address, entry.details) == (operator.pk, "127.0.0.1", {"reason": "Unpaid bills"})
    assert "Unpaid bills" in Notice.objects.get(user=member).text


def test_a_reason_that_is_missing_is_asked_for_again(client, operator):
    _member, household = home()

    page = decide_one(client, household, "suspend", reason=" ")

    assert page.status_code == 200
    assert "reason" in page.context["form"].errors
    assert Household.objects.get().suspended_at is None


def test_several_rows_are_decided_each_for_itself_and_refusals_are_named(client, operator):
    (_one, open_one), (_two, suspended) = home(name="Lime house"), home(name="Oak house")
    decide_one(client, suspended, "suspend", reason="first")

    said = decide(client, [open_one, suspended], "suspend", reason="second")

    assert said == ["Suspended: Lime house.", "Oak house: This household is suspended already."]
    assert Household.objects.get(pk=open_one.pk).suspended_reason == "second"
    assert Household.objects.get(pk=suspended.pk).suspended_reason == "first"


def test_many_rows_are_told_of_in_one_message(client, operator):
    homes = [HouseholdFactory() for _ in range(8)]

    (said,) = decide(client, homes, "suspend", reason="x")

    assert said.endswith("and 3 more.")
    assert Household.objects.filter(suspended_at=NOW).count() == 8


def test_too_many_rows_at_once_are_refused(client, operator):
    Household.objects.bulk_create([Household(name=f"Home {n}") for n in range(201)])

    (said,) = decide(client, list(Household.objects.all()), "suspend", reason="x")

    assert "at most 200" in said
    assert not Household.objects.filter(suspended_at=NOW).exists()


def test_the_page_of_a_row_offers_what_can_be_decided_about_it(client, operator):
    _member, household = home()
    suspend, resume = (url(Household, f"decide_{name}", household.pk).encode() for name in ("suspend", "resume"))

    before = client.get(url(Household, "change", household.pk)).content
    decide_one(client, household, "suspend", reason="x")
    after = client.get(url(Household, "change", household.pk)).content

    assert suspend in before
    assert resume not in before
    assert resume in after
    assert suspend not in after


def test_a_suspended_household_has_no_open_offers_and_may_trade_again_later(client, operator):
    seller, _buyer = traders()
    offer = seller.offers_stored()

    decide_one(client, seller.household, "suspend", reason="x")
    assert Offer.objects.get(pk=offer.pk).state == "withdrawn"
    decide_one(client, seller.household, "resume")

    assert seller.offers_stored().state == "open"


def test_an_offer_is_withdrawn_with_its_reason(client, operator):
    seller, _buyer = traders()
    offer = seller.offers_stored()

    decide(client, [offer], "withdraw", reason="A joke price")

    assert Offer.objects.get().state == "withdrawn"
    assert AuditEntry.objects.filter(actor_id=operator.pk, details__reason="A joke price").exists()


def test_a_deposit_is_confirmed_once(client, operator):
    (trader,) = traders(homes=1, money_uct=0)
    order = deposit_request(household=trader.household, amount_uct=5 * EURO, actor=trader.actor, now=NOW)

    said = decide(client, [order], "confirm")
    again = decide(client, [order], "confirm")

    assert said[0].startswith(f"Confirmed: {order.reference}")
    assert again[0].startswith(order.reference)
    assert trader.money().balance == 5 * EURO
    assert CashOrder.objects.get().state == "confirmed"


def test_a_refused_deposit_moves_nothing_and_says_why(client, operator):
    (trader,) = traders(homes=1, money_uct=0)
    order = deposit_request(household=trader.household, amount_uct=5 * EURO, actor=trader.actor, now=NOW)

    decide_one(client, order, "refuse", reason="It did not arrive")

    assert trader.money().balance == 0
    assert CashOrder.objects.get().reason == "It did not arrive"


def test_a_trade_is_reversed_with_its_reason(client, operator):
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_stored())

    decide_one(client, trade, "reverse", reason="Sold by mistake")

    trade = Trade.objects.get()
    assert (trade.state, trade.reason) == ("reversed", "Sold by mistake")
    assert buyer.money().balance == seller.money().balance == 10 * EURO


def test_what_cannot_be_reversed_is_said_and_nothing_is_half_done(client, operator):
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_stored())
    decide_one(client, trade, "reverse", reason="first")
    before = buyer.money().entries_count

    (said,) = decide(client, [trade], "reverse", reason="second")

    assert "→" in said
    assert Trade.objects.get().reason == "first"
    assert buyer.money().entries_count == before


def test_devices_are_switched_off_and_on(client, operator, own):
    device = own.row(Device)

    decide(client, [device], "disable")
    assert not Device.objects.get().enabled
    decide_one(client, device, "enable")

    assert Device.objects.get().enabled
    assert set(AuditEntry.objects.filter(actor_id=operator.pk).values_list("action", flat=True)) == {
        "device.disabled",
        "device.enabled",
    }


def test_a_closed_account_loses_its_tokens_and_is_opened_again(client, operator):
    member = UserFactory()
    _token, secret = token_issue(user=member, name="x", now=NOW)

    decide(client, [member], "close")
    assert token_use(secret=secret, now=NOW) is None
    assert not User.objects.get(pk=member.pk).is_active
    decide_one(client, member, "open")

    assert User.objects.get(pk=member.pk).is_active
    assert AuditEntry.objects.filter(action="user.rights", actor_id=operator.pk).count() == 2


def test_an_operator_keeps_the_own_rights(client, operator):
    (said,) = decide(client, [operator], "close")

    assert "own rights" in said
    assert User.objects.get(pk=operator.pk).is_active


def test_staff_is_appointed_and_dismissed(client, operator):
    member = UserFactory()

    decide_one(client, member, "make_operator")
    assert User.objects.get(pk=member.pk).is_superuser
    decide_one(client, member, "dismiss_staff")

    member.refresh_from_db()
    assert not member.is_staff
    assert not member.is_superuser


def found(client, **changed):
    given = {"name": "Lime street", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin", **changed}
    return client.post(reverse("admin:myhouse_community_add"), given, follow=True)


def test_a_community_is_founded_with_its_first_manager(client, operator):
    manager = UserFactory()

    assert client.get(reverse("admin:myhouse_community_add")).status_code == 200
    found(client, manager=manager.email.upper())

    community = Community.objects.get()
    assert community.name == "Lime street"
    assert CommunityRole.objects.get().user_id == manager.pk
    assert AuditEntry.objects.filter(action="community.create", actor_id=operator.pk).exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"manager": "nobody@example.org"}, "manager"), ({"name": "Taken"}, "name"), ({"country": "Germany"}, "country")],
)
def test_what_is_wrong_with_a_new_community_stands_at_its_field(client, operator, changed, field):
    CommunityFactory(name="Taken")
    manager = UserFactory()

    page = found(client, **{"manager": manager.email, **changed})

    assert field in page.context["form"].errors
    assert Community.objects.count() == 1


def test_managers_are_appointed_and_dismissed_but_never_the_last(client, operator):
    role = CommunityRoleFactory()
    second = UserFactory()

    decide_one(client, role.community, "appoint", user=second.email)
    said = decide(client, list(CommunityRole.objects.order_by("pk")), "dismiss")

    assert CommunityRole.objects.count() == 1
    assert said[0].startswith("Dismissed: ")
    assert "A community needs a manager" in said[1]


def test_a_household_is_added_to_a_community_from_a_day_on(client, operator):
    community, household = CommunityFactory(), HouseholdFactory()

    page = client.get(url(Community, "decide_admit", community.pk))
    decide_one(client, community, "admit", household=household.pk, starts_at="2026-06-01 00:00")

    assert b"admin-autocomplete" in page.content
    membership = CommunityMembership.objects.get()
    assert (membership.household_id, membership.starts_at) == (household.pk, NOW.replace(day=1, hour=0))


def test_a_household_of_another_currency_is_not_added(client, operator):
    community, household = CommunityFactory(currency="CHF"), HouseholdFactory(currency="EUR")

    page = decide_one(client, community, "admit", household=household.pk)

    assert "currency" in page.content.decode()
    assert not CommunityMembership.objects.exists()


def test_a_failed_task_is_started_again_and_another_one_dismissed(client, operator, monkeypatch):
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_options: sent.append(name))
    for name in ("first", "second"):
        failure_record(name=name, args=[], kwargs={}, error=ValueError("x"), traceback="", now=NOW)
    first, second = FailedTask.objects.order_by("pk")

    decide(client, [first], "retry")
    decide_one(client, second, "dismiss")

    assert sent == ["first"]
    assert not FailedTask.objects.filter(settled_at=FOREVER).exists()


def test_a_message_is_given_up_and_sent_again(client, operator):
    message = outbox_put(topic="mail", payload={"body": "https://secret-link"}, now=NOW - timedelta(days=1))

    said = decide(client, [message], "give_up")
    assert OutboxMessage.objects.get().due_at == FOREVER
    decide_one(client, message, "resend")

    assert OutboxMessage.objects.get().due_at == NOW
    assert "secret-link" not in said[0]


def test_every_decision_asks_before_it_acts(client, operator, own):
    for model, shown in admin.site._registry.items():
        for decision in getattr(shown, "decisions", ()):
            before = AuditEntry.objects.count()
            page = client.get(url(model, f"decide_{decision.name}", own.row(model).pk))
            assert page.status_code == 200
            assert str(decision.question) in page.content.decode().replace("&#x27;", "'")
            assert AuditEntry.objects.count() == before
