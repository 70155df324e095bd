"""The operators' start page: how the communities stand, few queries, a manager's own figures only."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from marketplace.models import LedgerProof, Trade
from marketplace.overview import traded_days
from marketplace.services.cash import deposit_request
from marketplace.tests.factories import EURO, traders
from myhouse.documents.outbox import mail_put, outbox_flush
from myhouse.models import User
from myhouse.selectors.staff import StaffScope
from myhouse.services.failures import failure_record
from myhouse.tests.factories import NOW, PASSWORD, CommunityRoleFactory, UserFactory
from tests.operators.world import World

pytestmark = pytest.mark.django_db


def figures(client):
    page = client.get(reverse("admin:index"))
    assert page.status_code == 200
    return {figure.title: figure for overview in page.context["overviews"] for figure in overview.figures}


def market():
    """Two homes that traded 600 of 1,000 Wh for 12 cents, and asked for a deposit."""
    seller, buyer = traders()
    buyer.buys(seller.offers_stored(), 600)
    deposit_request(household=seller.household, amount_uct=EURO, actor=seller.actor, now=NOW)
    return seller, buyer


def test_shows_money_offers_and_cash_orders(client, operator):
    market()

    shown = figures(client)

    assert shown["Money of the members"].value == "€20.00"
    assert (shown["Open offers"].value, shown["Open offers"].note) == ("1", "400\u202fWh")
    assert (shown["Cash orders waiting"].value, shown["Cash orders waiting"].tone) == ("1", "warn")
    assert shown["Homes"].value == "2"


def test_every_figure_leads_to_its_filtered_list(client, operator, own):
    shown = figures(client)
    # What is not a count of rows has no list.
    assert {title for title, figure in shown.items() if not figure.url} <= {
        "Time-series store",
        "Readings in the spool",
    }
    for title, figure in shown.items():
        page = client.get(figure.url or "/admin/")
        assert page.status_code == 200, title
        assert "e=1" not in figure.url


def test_a_manager_sees_the_figures_of_his_community_only(client, manager, own):
    market()

    shown = figures(client)

    assert shown["Homes"].value == "1"
    assert shown["Open offers"].value == "1"
    assert shown["Ledger proof"].url == ""
    assert "Failed tasks" not in shown
    assert "20.00" not in shown["Money of the members"].value


def test_asks_at_most_twenty_queries_however_much_there_is(client, operator, django_assert_max_num_queries):
    for _ in range(3):
        World()
    client.get(reverse("admin:index"))

    with django_assert_max_num_queries(20):
        client.get(reverse("admin:index"))


def test_a_manager_s_start_page_asks_as_few(client, manager, own, django_assert_max_num_queries):
    World(own.community)
    client.get(reverse("admin:index"))

    with django_assert_max_num_queries(20):
        client.get(reverse("admin:index"))


def test_says_how_the_ledger_stands(client, operator):
    assert figures(client)["Ledger proof"].value == "not yet"

    LedgerProof.objects.create(at=NOW - timedelta(hours=3), sound=True, transfers=1_234)
    proof = figures(client)["Ledger proof"]
    assert (proof.value, proof.tone, proof.note) == ("sound", "good", "1,234 transfers, 3\u202fh ago")

    LedgerProof.objects.create(at=NOW, sound=False, finding="Account 1 does not add up.")
    proof = figures(client)["Ledger proof"]
    assert (proof.value, proof.tone) == ("broken", "bad")
    assert "does not add up" in proof.note


def test_a_proof_of_the_day_before_yesterday_is_not_good_enough(client, operator):
    LedgerProof.objects.create(at=NOW - timedelta(hours=30), sound=True)

    assert figures(client)["Ledger proof"].tone == "warn"


def test_counts_failed_tasks_and_what_could_not_be_sent(client, operator):
    failure_record(name="x", args=[], kwargs={}, error=ValueError("x"), traceback="", now=NOW)
    mail_put(to="a@example.org", subject="line\nbreak", body="x", now=NOW)
    outbox_flush(now=NOW)

    shown = figures(client)

    assert (shown["Failed tasks"].value, shown["Failed tasks"].tone) == ("1", "bad")
    assert (shown["Unsent messages"].value, shown["Unsent messages"].tone) == ("1", "warn")
    assert "1 failed" in shown["Unsent messages"].note


def test_trades_are_summed_by_local_day_without_reversed_ones():
    seller, buyer = traders()
    buyer.buys(seller.offers_stored(), 600)
    late = buyer.buys(seller.offers_stored(), 100)
    # 23:30 of the day before in Berlin is 21:30 UTC.
    Trade.objects.filter(pk=late.pk).update(bought_at=NOW.replace(hour=22, minute=30) - timedelta(days=1))
    reversed_one = buyer.buys(seller.offers_stored(), 50)
    Trade.objects.filter(pk=reversed_one.pk).update(state="reversed")
    scope = StaffScope(user=User(is_superuser=True), now=NOW)

    days = traded_days(scope=scope, zone="Europe/Berlin", now=NOW)
    elsewhere = traded_days(scope=scope, zone="UTC", now=NOW)

    assert len(days) == 30
    assert (days[-1].day, days[-1].energy_wh, days[-2].energy_wh) == (NOW.date(), 700, 0)
    assert (elsewhere[-1].energy_wh, elsewhere[-2].energy_wh) == (600, 100)


def test_a_part_that_breaks_leaves_the_others_standing(client, operator, settings):
    settings.OPERATOR_PANELS = ["myhouse.admin.figures.count_text", "myhouse.admin.figures.homes_overview"]

    assert "Homes" in figures(client)


def test_the_operators_page_leads_to_the_start_page_and_members_find_none(client, operator):
    assert client.get(reverse("operator")).url == reverse("admin:index")
    client.force_login(UserFactory())
    assert client.get(reverse("operator")).status_code == 404


def test_the_side_bar_lists_what_the_visitor_may_open(client, manager, own):
    text = client.get(reverse("admin:index")).content.decode()

    assert reverse("admin:marketplace_trade_changelist") in text
    assert reverse("admin:myhouse_accesstoken_changelist") not in text


def test_nothing_is_fetched_from_elsewhere(client, operator):
    text = client.get(reverse("admin:index")).content.decode()

    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert address.startswith(("/", "#")), address


def test_the_look_follows_the_theme_the_person_chose(client, operator):
    User.objects.filter(pk=operator.pk).update(theme="dark")

    assert 'class="dark"' in client.get(reverse("admin:index")).content.decode()


def test_the_start_page_speaks_german(client, operator):
    page = client.get(reverse("admin:index"), headers={"accept-language": "de"})

    assert 'lang="de"' in page.content.decode()


def test_searching_the_lists_by_name_answers(client, operator):
    assert client.get("/admin/search/", {"s": "trade"}).status_code == 200


def test_a_member_is_asked_to_sign_in_as_staff_and_not_sent_in_circles(client):
    client.force_login(UserFactory())

    page = client.get("/admin/", follow=True)

    assert page.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    assert page.status_code == 200


def test_staff_change_their_password_where_everybody_does(client, operator):
    assert client.get(reverse("admin:password_change")).url == reverse("password-change")


def test_guessing_the_password_of_staff_is_limited_too(client):
    user = UserFactory(is_staff=True)
    for _ in range(10):
        client.post("/admin/login/", {"username": user.email, "password": "wrong wrong"})

    assert client.post("/admin/login/", {"username": user.email, "password": PASSWORD}).status_code == 429


def test_figures_of_an_empty_installation_are_there_too(client, operator):
    shown = figures(client)

    assert shown["Open offers"].value == "0"
    assert shown["Silent devices"].note == "all answer"
    assert json.dumps(shown["Homes"].note)


def test_an_appointed_manager_sees_the_own_community_by_name(client, own):
    role = CommunityRoleFactory(user=UserFactory(is_staff=True), community=own.community)
    client.force_login(role.user)

    assert figures(client)["Homes"].note == own.community.name
