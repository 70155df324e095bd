"""News for people: on the page and by mail, as each chose, in each one's language."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.models import Notice
from myhouse.models.households import Role
from myhouse.selectors.notices import notices_page, notices_unread
from myhouse.services.notices import KEPT, notice_tell, notices_read, notices_tidy
from myhouse.tests.factories import NOW, MembershipFactory, UserFactory, home

pytestmark = pytest.mark.django_db


def mails():
    return {one.payload["to"]: one.payload for one in OutboxMessage.objects.all()}


def test_tells_every_member_but_the_supplier_on_the_page_and_by_mail():
    owner, household = home()
    viewer = MembershipFactory(household=household, role=Role.VIEWER).user
    MembershipFactory(household=household, role=Role.SUPPLIER)
    MembershipFactory(household=household, ends_at=NOW - timedelta(days=1))

    notice_tell(household=household, text="Sold.", url="/x/", now=NOW)

    assert {notice.user_id for notice in Notice.objects.all()} == {owner.pk, viewer.pk}
    assert set(mails()) == {owner.email, viewer.email}


def test_a_person_who_wants_no_mail_gets_none_and_who_wants_no_mark_gets_mail_only():
    reader, writer = UserFactory(told_by_mail=False), UserFactory(told_on_page=False)

    notice_tell(users=[reader, writer], text="News", now=NOW)

    assert [notice.user_id for notice in Notice.objects.all()] == [reader.pk]
    assert set(mails()) == {writer.email}


def test_each_is_told_in_his_own_language():
    german, english = UserFactory(language="de"), UserFactory(language="en")

    notice_tell(users=[german, english], text=gettext_lazy("Sign in"), now=NOW)

    texts = {notice.user_id: notice.text for notice in Notice.objects.all()}
    assert texts == {german.pk: "Anmelden", english.pk: "Sign in"}


def test_the_writer_of_a_text_is_given_the_language():
    person = UserFactory(language="de")

    notice_tell(users=[person], text=lambda language: f"in {language}", now=NOW)

    assert Notice.objects.get().text == "in de"


def test_the_mail_has_a_subject_of_one_line_and_the_address_of_the_page():
    person = UserFactory()

    notice_tell(users=[person], text="Sold", mail_subject="Sold\nBcc: x", mail_body="1 kWh", url="/x/", now=NOW)

    mail = mails()[person.email]
    assert mail["subject"] == "Sold Bcc: x"
    assert mail["body"].startswith("1 kWh\n\nhttp")
    assert "/x/" in mail["body"]


def test_counts_what_is_not_read_until_it_is():
    person = UserFactory()
    notice_tell(users=[person], text="One", now=NOW)
    notice_tell(users=[person], text="Two", now=NOW)
    first = notices_page(user=person).items[-1]

    assert notices_unread(user=person) == 2
    assert notices_read(user=person, notice_ids=[first.pk], now=NOW) == 1
    assert notices_unread(user=person) == 1
    assert notices_read(user=person, now=NOW) == 1
    assert not Notice.objects.filter(read_at=FOREVER).exists()


def test_nobody_marks_the_notices_of_another():
    person = UserFactory()
    [notice] = notice_tell(users=[person], text="One", now=NOW)

    assert notices_read(user=UserFactory(), notice_ids=[notice.pk], now=NOW) == 0


def test_notices_of_long_ago_are_deleted():
    person = UserFactory()
    notice_tell(users=[person], text="Old", now=NOW - KEPT - timedelta(days=1))
    notice_tell(users=[person], text="New", now=NOW)

    assert notices_tidy(now=NOW) == 1
    assert Notice.objects.get().text == "New"


def test_a_member_chooses_on_the_account_page_how_news_reach_him(client):
    user, _household = home()
    client.force_login(user)
    form = {"name": user.name, "language": "en", "theme": "auto", "told_on_page": "on"}

    client.post(reverse("account"), form)

    user.refresh_from_db()
    assert (user.told_on_page, user.told_by_mail) == (True, False)
