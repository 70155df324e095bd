"""One of everything that somebody can own, made by the services, so that every path can be asked about it."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from devices.models import DeviceChannel, SwapQuestion
from devices.tests.factories import http_meter
from marketplace.models import CashOrder, Transfer
from marketplace.services.cash import deposit_request
from marketplace.tests.factories import EURO, traders
from myhouse.documents.services import SYSTEM
from myhouse.models import Battery, Membership, Notice, SupplierContract, Upload, User
from myhouse.models.households import Household, Role
from myhouse.models.metering import PointRole
from myhouse.privacy.services import export_request, job_work
from myhouse.scopes import Scope
from myhouse.services.displays import display_create
from myhouse.services.households import invitation_create
from myhouse.services.tokens import service_token_issue, token_issue
from myhouse.tests.factories import NOW, ApplianceFactory, MembershipFactory
from tests.security.routes import METHODS, Route

# Paths in which a name means something else than elsewhere.
ELSEWHERE = {
    "services": "service_token_id",
    "api-service-token": "service_token_id",
}

# Where an empty body would be refused before the object is looked for: one that is not. Ids go in by their names.
BODIES: dict[str, dict[str, str]] = {
    "api-device-channels": {"name": "x", "metering_point": "{point_id}", "quantity": "power"},
    "api-swap-question": {"answer": "swap"},
    "api-member": {"role": "viewer"},
    "members-role": {"role": "viewer"},
}


@dataclass
class World:
    """A household with one of everything, and the people who have to do with it."""

    owner: User
    household: Household
    ids: dict[str, uuid.UUID]
    secrets: dict[str, str] = field(default_factory=dict)

    def ids_for(self, route: Any) -> dict[str, uuid.UUID]:
        """Return the ids by the names they have in this path."""
        other = {key: value for key, value in ELSEWHERE.items() if route.name.startswith(key)}
        return self.ids | {"token_id": self.ids[next(iter(other.values()), "token_id")]}

    def member(self, role: str) -> User:
        """Let somebody join in a role."""
        user: User = MembershipFactory(household=self.household, role=role).user
        return user


def world() -> World:
    """Make a household that trades, with devices, files, links, tokens and news."""
    seller, buyer = traders(homes=2)
    owner, household, actor = seller.user, seller.household, seller.actor
    trade = buyer.buys(seller.offers_stored())
    order: CashOrder = deposit_request(household=household, amount_uct=EURO, actor=actor, now=NOW)
    battery = Battery.objects.get(metering_point=household.metering_points.get(role=PointRole.BATTERY))
    token, secret = token_issue(user=owner, name="x", now=NOW)
    service, service_secret = service_token_issue(
        user=owner,
        household=household,
        name="x",
        scopes=[scope.value for scope in Scope],
        expires_at=NOW + timedelta(days=30),
        actor=actor,
        now=NOW,
    )
    invitation, invited = invitation_create(household=household, role=Role.VIEWER, email="", actor=actor, now=NOW)
    display, shown = display_create(household=household, name="x", owner=owner, actor=actor, now=NOW)
    ids = {
        "household_id": household.pk,
        "community_id": seller.community.pk,
        "point_id": battery.metering_point_id,
        "measurement_id": seller.imported.pk,
        "battery_id": battery.pk,
        "appliance_id": ApplianceFactory(household=household, kind="own", name="x").pk,
        "membership_id": Membership.objects.get(user=owner).pk,
        "invitation_id": invitation.pk,
        "contract_id": SupplierContract.objects.filter(household=household).latest("pk").pk,
        "token_id": token.pk,
        "service_token_id": service.pk,
        "display_id": display.pk,
        "offer_id": seller.offers_stored().pk,
        "trade_id": trade.pk,
        "transfer_id": Transfer.objects.filter(credit=seller.money()).latest("pk").pk,
        "account_id": seller.money().pk,
        "order_id": order.pk,
        **_devices(household),
        **_own(owner, household),
    }
    secrets = {"token": secret, "service": service_secret, "invitation": invited, "display": shown}
    return World(owner, household, ids, secrets)


def _devices(household: Household) -> dict[str, uuid.UUID]:
    meter = http_meter(now=NOW, household=household, role=PointRole.CONSUMER)
    question = SwapQuestion.objects.create(
        device=meter.device,
        channel=DeviceChannel.objects.filter(device=meter.device).latest("pk"),
        household=household,
        value_before=2.0,
        read_before_at=NOW,
        value_after=1.0,
        read_after_at=NOW,
    )
    return {"device_id": meter.device.pk, "question_id": question.pk}


def _own(owner: User, household: Household) -> dict[str, uuid.UUID]:
    upload = Upload.objects.create(
        household=household, uploaded_by=owner, file_name="x.csv", stored_path="none", size=1, digest="0" * 64
    )
    return {
        "upload_id": upload.pk,
        "notice_id": Notice.objects.create(user=owner, text="x", created_at=NOW).pk,
        "job_id": job_work(job=export_request(user=owner, actor=SYSTEM, now=NOW), now=NOW).pk,
    }


class Visitor:
    """Somebody who asks: a browser with a session on pages, a program with a token on the API."""

    def __init__(self, user: User | None) -> None:
        """Sign in, if there is anybody to sign in."""
        self.client = Client()
        self.secret = ""
        if user is not None:
            self.client.force_login(user)
            _token, self.secret = token_issue(user=user, name="x", now=NOW)

    def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        """Send a request: a form to a page, JSON to the API."""
        if not path.startswith("/api/"):
            form = "application/x-www-form-urlencoded"
            return self.client.generic(method, path, data=urlencode(body or {}), content_type=form)
        headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        sent = json.dumps(body or {})
        return self.client.generic(method, path, data=sent, content_type="application/json", headers=headers)


def statuses(
    visitor: Visitor, route: Route, ids: dict[str, uuid.UUID], methods: tuple[str, ...] = METHODS
) -> dict[str, int]:
    """Return what each method is answered with."""
    known = defaultdict(lambda: uuid.UUID(int=1), ids)
    path, body = route.filled(ids), {name: text.format_map(known) for name, text in BODIES.get(route.name, {}).items()}
    return {method: visitor.ask(method, path, body).status_code for method in methods}
