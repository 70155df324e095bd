"""The documents of the demo community: people, households, meters, devices, appliances and contracts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import F

from config.cluster.child import LOOPBACK
from config.demo.contracts import contracts_of
from config.demo.logins import ROLES, password_make
from devices.models import Device, DeviceKind
from devices.services.channels import Binding
from devices.services.registry import Address, device_register
from devices.simulator.community import Spec, homes_plan
from devices.simulator.home import Home
from devices.simulator.installation import Placed, devices_plan
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.services import SYSTEM, audit_record
from myhouse.models import Community, CommunityMembership, Household, MeteringPoint, User
from myhouse.models.metering import PointRole
from myhouse.services.accounts import user_sign_up
from myhouse.services.appliances import appliance_meter_set, appliances_set_counts, own_appliance_add
from myhouse.services.communities import community_create, household_join_community
from myhouse.services.households import household_create
from myhouse.services.metering import BatteryTerms, measurement_start, metering_point_create
from myhouse.services.tariffs import contract_create

COMMUNITY = "Sonnenhof (demo)"
CURRENCY = "EUR"
POLL_S = 10
_OF_GRID = ("import_energy", "export_energy", "power", "voltage_l1", "voltage_l2", "voltage_l3", "frequency")
_MEASURED = {
    PointRole.GRID: _OF_GRID,
    PointRole.PRODUCTION: ("production_energy", "power"),
    PointRole.BATTERY: ("charge_energy", "discharge_energy", "power", "state_of_charge"),
    PointRole.CONSUMER: ("consumption_energy", "power"),
}


@dataclass(frozen=True)
class _Settlers:
    """What all homes of the demo have in common."""

    spec: Spec
    base_port: int
    begins_at: datetime
    community: Community
    owners: list[User]
    now: datetime


@dataclass(frozen=True)
class Settled:
    """What the documents say about the demo: since when, how many homes, from which port on."""

    begins_at: datetime
    homes: int
    base_port: int


def community_settled() -> Settled | None:
    """The demo as its documents know it; None if they are not there."""
    community = Community.objects.filter(name=COMMUNITY, simulated=True).first()
    if community is None:
        return None
    memberships = CommunityMembership.objects.filter(community=community).order_by("starts_at")
    begins_at = [membership.starts_at for membership in memberships]
    first = Device.objects.filter(simulated=True, external_id="home-1-grid").first()
    if not begins_at or first is None:
        return None
    return Settled(begins_at=begins_at[0], homes=len(begins_at), base_port=first.port)


@atomic
def community_move(*, base_port: int, now: datetime) -> None:
    """Give the simulated devices other ports, because their own are taken by another program."""
    settled = community_settled()
    assert settled is not None
    devices = Device.objects.filter(simulated=True, host=LOOPBACK, external_id__startswith="home-")
    devices.update(port=F("port") + (base_port - settled.base_port))
    audit_record(actor=SYSTEM, action="demo.ports_moved", now=now, details={"base_port": base_port})
    after_commit(registry_changed)


@atomic
def community_settle(*, spec: Spec, base_port: int, begins_at: datetime, now: datetime) -> Community:
    """Create all documents of the demo, or none."""
    operator = _account("operator", "Operator", now)
    operator.is_staff = operator.is_superuser = True
    operator.save(update_fields=["is_staff", "is_superuser"])
    community = community_create(
        name=COMMUNITY,
        currency=CURRENCY,
        time_zone=spec.zone,
        country="DE",
        manager=operator,
        actor=SYSTEM,
        now=now,
        simulated=True,
    )
    owners = [_account("household", "Sonnenhof 1", now), _account("neighbour", "Sonnenhof 2", now)]
    settlers = _Settlers(spec, base_port, begins_at, community, owners, now)
    for home in homes_plan(seed=spec.seed, homes=spec.homes):
        _home_settle(settlers, home)
    return community


def _account(role: str, name: str, now: datetime) -> User:
    """A login; what the market tells of the time before is not news to it, so it is told nothing yet."""
    user = user_sign_up(email=ROLES[role], password=password_make(), name=name, language="en", now=now)
    user.told_on_page = user.told_by_mail = False
    user.save(update_fields=["told_on_page", "told_by_mail"])
    return user


def _home_settle(settlers: _Settlers, home: Home) -> None:
    spec, now = settlers.spec, settlers.now
    household = household_create(
        owner=_owner(settlers, home),
        name=home.name,
        time_zone=spec.zone,
        currency=CURRENCY,
        community=None,
        actor=SYSTEM,
        now=now,
    )
    household_join_community(
        household=household, community=settlers.community, starts_at=settlers.begins_at, actor=SYSTEM, now=now
    )
    points = _points_settle(settlers, household, home)
    for placed in devices_plan(spec):
        if placed.home == home.index:
            _device_settle(settlers, household, placed, points)
    _belongings_settle(settlers, household, home, points)
    starts_on = settlers.begins_at.astimezone(ZoneInfo(spec.zone)).date()
    for contract in contracts_of(home.index, starts_on=starts_on):
        contract_create(household=household, actor=SYSTEM, now=now, **contract)


def _owner(settlers: _Settlers, home: Home) -> User:
    """The first two homes have logins; the others belong to accounts without a password."""
    if home.index < len(settlers.owners):
        return settlers.owners[home.index]
    user: User = get_user_model().objects.create_user(
        f"home-{home.index + 1}@demo.example",
        None,
        name=home.name,
        name_shown_to_neighbours=True,
        # Nobody reads them.
        told_on_page=False,
        told_by_mail=False,
        created_at=settlers.now,
    )
    return user


def _points_settle(settlers: _Settlers, household: Household, home: Home) -> dict[str, MeteringPoint]:
    """The metering points of a home by what they measure, each quantity measured since the history begins."""

    def settle(what: str, role: PointRole, name: str) -> None:
        behind = None if role is PointRole.GRID else points["grid"]
        terms: BatteryTerms | None = None
        if role is PointRole.BATTERY and home.pack is not None:
            terms = {
                "capacity_wh": home.pack.capacity_wh,
                "max_charge_w": home.pack.charge_w,
                "max_discharge_w": home.pack.discharge_w,
            }
        point = metering_point_create(
            household=household, role=role, name=name, parent=behind, battery=terms, actor=SYSTEM, now=settlers.now
        )
        for quantity in _MEASURED[role]:
            measurement_start(metering_point=point, quantity=quantity, starts_at=settlers.begins_at, simulated=True)
        points[what] = point

    points: dict[str, MeteringPoint] = {}
    settle("grid", PointRole.GRID, "Grid connection")
    if home.roof is not None:
        settle("inverter", PointRole.PRODUCTION, "Solar roof")
    if home.pack is not None:
        settle("battery", PointRole.BATTERY, "Battery")
    if home.mill is not None:
        settle("windmill", PointRole.PRODUCTION, "Windmill")
    if home.heat_pump is not None:
        settle("heat-pump", PointRole.CONSUMER, "Heat pump")
    if home.car is not None:
        settle("car", PointRole.CONSUMER, "Charging point")
    if home.laundry_metered:
        settle("laundry", PointRole.CONSUMER, "Washing machine")
    return points


def _device_settle(
    settlers: _Settlers, household: Household, placed: Placed, points: dict[str, MeteringPoint]
) -> None:
    what = placed.key.split("-", 2)[2]
    fed = [points[what], *([points["battery"]] if placed.has_battery else [])]
    bindings = [
        Binding(name=f"{point.role}.{quantity}", metering_point=point, quantity=quantity)
        for point in fed
        for quantity in _MEASURED[PointRole(point.role)]
    ]
    device_register(
        name=placed.name,
        kind=DeviceKind.MODBUS,
        household=household,
        external_id=placed.key,
        model=placed.model,
        address=Address(LOOPBACK, settlers.base_port + placed.port_offset, placed.unit_id),
        period_s=POLL_S,
        metering_point=points[what],
        bindings=bindings,
        simulated=True,
        actor=SYSTEM,
        now=settlers.now,
    )


def _belongings_settle(
    settlers: _Settlers, household: Household, home: Home, points: dict[str, MeteringPoint]
) -> None:
    now = settlers.now
    counts = {
        "stove": home.stoves,
        "light": home.lights,
        "household": home.household_appliances,
        "entertainment": home.entertainment,
        "solar_panel": home.roof.panels if home.roof else 0,
        "windmill": 1 if home.mill else 0,
    }
    appliances_set_counts(household=household, counts=counts, actor=SYSTEM, now=now)
    for kind, what in (("solar_panel", "inverter"), ("windmill", "windmill")):
        if what in points:
            appliance_meter_set(household=household, kind=kind, metering_point=points[what], actor=SYSTEM, now=now)
    own = []
    if home.heat_pump is not None:
        own.append(("Heat pump", "heat-pump", home.heat_pump.rated_w, 300))
    if home.car is not None:
        own.append(("Electric car", "car", home.car.charge_w, round(home.car.daily_wh * 40 / home.car.charge_w)))
    if home.laundry_metered:
        own.append(("Washing machine", "laundry", 2050, 20))
    for name, what, rated_w, minutes in own:
        own_appliance_add(
            household=household,
            name=name,
            rated_power_w=rated_w,
            daily_use_minutes=minutes,
            metering_point=points[what],
            actor=SYSTEM,
            now=now,
        )
