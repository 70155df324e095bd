"""A person who has left traces everywhere: what an export must hold, and what an erasure must find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from devices.models import Device, SwapQuestion
from devices.tests.factories import http_meter
from marketplace.models import Lot, Offer
from marketplace.models.offers import OfferKind
from marketplace.services.cash import cash_confirm, payout_request
from marketplace.services.ledger import ledger_write
from marketplace.tests.ledgers import EURO, Village, moved, village
from marketplace.tests.scenes import offered, sold, used
from myhouse.documents.idempotency import once
from myhouse.documents.outbox import mail_put
from myhouse.documents.services import Actor, audit_record
from myhouse.models import Household, IdempotencyRecord, Measurement, Membership, SupplierContract, User
from myhouse.models.households import Role
from myhouse.models.metering import Quantity
from myhouse.services.displays import display_create
from myhouse.services.households import household_rename, invitation_create
from myhouse.services.notices import notice_tell
from myhouse.services.second_factor import factor_begin
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, ApplianceFactory, UserFactory
from myhouse.uploads.services import upload_receive
from telemetry.calendar import utc_ms
from telemetry.model import Batch
from telemetry.services import readings_write

EMAIL, NAME, ADDRESS = "ottilie.quitzdorf@example.org", "Ottilie Quitzdorf", "Quitzdorfer Weg 17"
# Whatever of this is found anywhere afterwards was not forgotten.
TRACES = ("quitzdorf", "ottilie")
BEFORE = NOW - timedelta(days=2)


@dataclass
class Life:
    place: Village
    user: User
    household: Household
    neighbour: User
    measurement: Measurement
    device: Device
    offer: Offer
    secret: str
    session: str


def life() -> Life:
    """Somebody lives alone, measures, uploads, trades with a neighbour, writes and is written to."""
    place = village()
    user, household, neighbour = place[0].user, place[0].household, place[1].user
    User.objects.filter(pk=user.pk).update(email=EMAIL, name=NAME, name_shown_to_neighbours=True)
    user.refresh_from_db()
    actor = Actor(user.pk, user.email, "192.0.2.17")
    household = household_rename(household=household, name=ADDRESS, actor=actor, now=NOW)
    household = household_rename(household=household, name=f"{ADDRESS}, left", actor=actor, now=NOW)
    place[0].household = household
    client = Client()
    client.force_login(user)
    device, measurement, secret = _measured(household)
    _at_home(user, household, actor)
    _written(user, neighbour, actor)
    offer = _traded(place, actor)
    session = client.session.session_key
    return Life(place, user, household, neighbour, measurement, device, offer, secret, session)


def paid_out(one: Life) -> None:
    """Ask for all the money and have it confirmed, as one does before one leaves."""
    money = type(one.place[0].money).objects.get(pk=one.place[0].money.pk)
    order = payout_request(
        household=one.household,
        amount_uct=money.balance // 1_000_000 * 1_000_000,
        note=f"To the bank account of {NAME}",
        actor=Actor(one.user.pk, EMAIL),
        now=NOW,
    )
    cash_confirm(order=order, actor=Actor(None, "operator@example.org"), now=NOW)


def moves_in(one: Life, *, role: str = Role.OWNER) -> User:
    """Somebody else lives there from a day before on."""
    other = UserFactory(name="Kuno Fahrenholtz")
    Membership.objects.create(user=other, household=one.household, role=role, starts_at=NOW - timedelta(days=1))
    return other


def _measured(household: Household) -> tuple[Device, Measurement, str]:
    meter = http_meter(now=BEFORE, household=household, external_id="quitzdorf-meter-1")
    device = meter.device
    Device.objects.filter(pk=device.pk).update(
        name="Meter of Ottilie", host="quitzdorf.example.org", last_error=f"no answer at {EMAIL}"
    )
    measurement = Measurement.objects.get(metering_point=meter.point, quantity=Quantity.IMPORT)
    times = np.arange(utc_ms(BEFORE), utc_ms(NOW), 600_000)
    readings_write(
        batch=Batch.of(measurement.series_id, times, np.arange(len(times), dtype=float) * 10), now_ms=utc_ms(NOW)
    )
    SwapQuestion.objects.create(
        device=device,
        channel=device.channels.get(measurement=measurement),
        household=household,
        value_before=10.0,
        read_before_at=BEFORE,
        value_after=1.0,
        read_after_at=NOW,
    )
    return device, measurement, meter.secret


def _at_home(user: User, household: Household, actor: Actor) -> None:
    ApplianceFactory(household=household, kind="own", name="Ottilie's kiln")
    SupplierContract.objects.create(
        household=household, direction="import", supplier_name="Works", name=NAME, starts_on=date(2026, 1, 1), terms={}
    )
    invitation_create(household=household, role="viewer", email="guest@example.org", actor=actor, now=NOW)
    display_create(household=household, name="Ottilie's kitchen", owner=user, actor=actor, now=NOW)
    upload_receive(
        household=household,
        user=user,
        chunks=[b"time,kWh\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,2\n"],
        file_name="quitzdorf.csv",
        actor=actor,
        now=NOW,
    )


def _written(user: User, neighbour: User, actor: Actor) -> None:
    token_issue(user=user, name="Ottilie's script", now=NOW)
    factor_begin(user=user, now=NOW)
    notice_tell(users=[user], text="Sold", now=NOW)
    notice_tell(users=[neighbour], text=f"{NAME} left the village.", now=NOW)
    mail_put(to=neighbour.email, subject=f"{NAME} invites you", body=f"Write to {EMAIL}.", now=NOW)
    audit_record(actor=Actor(None, "operator@example.org"), action="user.note", now=NOW, subject=user,
                 details={"of": {"names": [NAME, EMAIL]}})  # fmt: skip
    once(scope=f"{user.pk} POST /api/v1/households", key="k", request={}, now=NOW, run=lambda: (201, {"name": NAME}))
    assert IdempotencyRecord.objects.get().answer == {"name": NAME}
    LogEntry.objects.create(
        user=neighbour,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr=EMAIL,
        action_flag=CHANGE,
        change_message=f"Changed {NAME}",
    )


def _traded(place: Village, actor: Actor) -> Offer:
    offer = offered(place)
    trade = sold(place, offer, 1_500)
    trade.reason = f"Asked for by {NAME}"
    trade.bought_by_id = actor.user_id
    trade.save()
    used(place, Lot.objects.get(trade=trade), 1_500)
    note = moved(place[1].money, place[0].money, EURO, note=f"Gift to {NAME}")
    ledger_write(movements=[note], now=NOW)
    own = offered(place, OfferKind.STORED, energy_wh=700)
    Offer.objects.filter(pk=own.pk).update(seller=place[0].household, created_by=place[0].user)
    return own
