"""The operator's lists: everything for the operator, own communities for a manager, nothing for others."""

import pytest
from django.contrib import admin
from django.urls import reverse

from myhouse.documents.services import SYSTEM, audit_record, outbox_put
from myhouse.models import AuditEntry, Household, User
from myhouse.services.tokens import token_issue, token_use
from myhouse.tests.factories import (
    NOW,
    PASSWORD,
    ApplianceFactory,
    BatteryFactory,
    CommunityMembershipFactory,
    CommunityRoleFactory,
    MeasurementFactory,
    MeteringPointFactory,
    UserFactory,
    home,
)

pytestmark = pytest.mark.django_db
OURS = [model for model in admin.site._registry if model._meta.app_label == "myhouse"]
IDS = [model.__name__ for model in OURS]


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def operator(client):
    user = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def list_url(model):
    return reverse(f"admin:myhouse_{model._meta.model_name}_changelist")


def change_url(row):
    return reverse(f"admin:myhouse_{row._meta.model_name}_change", args=[row.pk])


def community_with_home():
    """A community with a manager who is staff, one member and his metered home."""
    role = CommunityRoleFactory(user=UserFactory(is_staff=True))
    member, household = home()
    CommunityMembershipFactory(household=household, community=role.community)
    point = MeteringPointFactory(household=household)
    MeasurementFactory(metering_point=point)
    BatteryFactory(metering_point=point)
    ApplianceFactory(household=household)
    audit_record(actor=SYSTEM, action="x", now=NOW, community_id=role.community_id)
    return role, member, household


def test_all_models_have_a_list():
    from django.apps import apps

    assert {model.__name__ for model in apps.get_app_config("myhouse").get_models()} == set(IDS)


@pytest.mark.parametrize("model", OURS, ids=IDS)
def test_the_operator_opens_each_list_in_a_bounded_number_of_queries(
    client, operator, model, django_assert_max_num_queries
):
    for _ in range(3):
        community_with_home()

    with django_assert_max_num_queries(12):
        page = client.get(list_url(model))

    assert page.status_code == 200


@pytest.mark.parametrize("model", OURS, ids=IDS)
def test_searching_for_an_id_or_nonsense_breaks_no_list(client, operator, model):
    for term in ("019a0000-0000-7000-8000-000000000000", "nonsense"):
        assert client.get(list_url(model), {"q": term}).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=IDS)
def test_nothing_is_added_or_deleted_past_the_services(client, operator, model):
    assert client.get(reverse(f"admin:myhouse_{model._meta.model_name}_add")).status_code == 403
    registered = admin.site._registry[model]
    request = client.get(list_url(model)).wsgi_request
    assert not registered.has_delete_permission(request)


def test_a_household_is_looked_at_and_not_changed(client, operator):
    _owner, household = home()

    page = client.get(change_url(household))
    client.post(change_url(household), {"name": "Changed"})

    assert page.status_code == 200
    assert not Household.objects.filter(name="Changed").exists()


def test_audit_entries_cannot_be_changed_by_anybody(client, operator):
    entry = audit_record(actor=SYSTEM, action="x", now=NOW)

    assert client.post(change_url(entry), {"action": "y"}).status_code == 403
    assert AuditEntry.objects.get().action == "x"


def test_a_manager_sees_the_own_community_only(client):
    role, member, household = community_with_home()
    community_with_home()
    client.force_login(role.user)

    def rows(name):
        return [row.pk for row in client.get(f"/admin/myhouse/{name}/").context["cl"].queryset]

    assert rows("community") == [role.community_id]
    assert rows("household") == [household.pk]
    assert rows("user") == [member.pk]
    assert len(rows("measurement")) == len(rows("battery")) == len(rows("appliance")) == 1
    assert len(rows("auditentry")) == 1


def test_a_manager_does_not_open_the_rows_of_another_community(client):
    role, _member, own = community_with_home()
    _role, _member, other = community_with_home()
    client.force_login(role.user)

    assert client.get(change_url(own)).status_code == 200
    assert client.get(change_url(other)).status_code in {302, 403}


@pytest.mark.parametrize("name", ["accesstoken", "outboxmessage", "idempotencyrecord"])
def test_a_manager_has_no_list_of_tokens_and_messages(client, name):
    role, _member, _household = community_with_home()
    client.force_login(role.user)

    assert client.get(f"/admin/myhouse/{name}/").status_code == 403


def test_a_manager_appoints_nobody(client):
    role, member, _household = community_with_home()
    client.force_login(role.user)

    client.post(change_url(member), {"is_active": "on", "is_staff": "on", "is_superuser": "on"})

    assert not User.objects.get(pk=member.pk).is_staff


def test_the_operator_closes_an_account_and_its_tokens_end(client, operator):
    member = UserFactory()
    _token, secret = token_issue(user=member, name="x", now=NOW)

    client.post(change_url(member), {})

    assert not User.objects.get(pk=member.pk).is_active
    assert token_use(secret=secret, now=NOW) is None
    assert AuditEntry.objects.filter(action="user.rights", actor_id=operator.pk).exists()


def test_shows_no_secret_of_messages(client, operator):
    message = outbox_put(topic="mail", payload={"body": "https://secret-link"}, now=NOW)

    assert b"secret-link" not in client.get(change_url(message)).content


def test_a_member_is_asked_to_sign_in_as_staff_and_not_sent_in_circles(client):
    client.force_login(UserFactory())

    page = client.get("/admin/", follow=True)

    assert page.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    assert page.status_code == 200


def test_guessing_the_password_of_staff_is_limited_too(client):
    user = UserFactory(is_staff=True)
    for _ in range(10):
        client.post("/admin/login/", {"username": user.email, "password": "wrong wrong"})

    assert client.post("/admin/login/", {"username": user.email, "password": PASSWORD}).status_code == 429
