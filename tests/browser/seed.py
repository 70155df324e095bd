"""Fills an empty installation for the browser tests: four homes, one of them with roof, battery and a year of history.

Run as `python -m tests.browser.seed` with MYHOUSE_VAR naming the folder; prints what the tests need to know as JSON.
The numbers are made up by a small formula with a fixed seed; they go in through the services like any others.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from myhouse.documents.services import SYSTEM
from myhouse.models import Community, Household, Measurement, User
from myhouse.services.accounts import user_sign_up
from myhouse.services.appliances import appliances_set_counts
from myhouse.services.communities import community_create, household_join_community
from myhouse.services.households import household_create
from myhouse.services.metering import BatteryTerms, measurement_start, metering_point_create
from myhouse.services.reference import reference_register, reference_write
from myhouse.services.tariffs import contract_create
from telemetry.live import live_put
from telemetry.model import Batch, Kind, Quality, Reading
from telemetry.services import days_seal, history_write, quarters_refresh, readings_write
from tests.browser.seed_market import market

ZONE, CURRENCY = "Europe/Berlin", "EUR"
EMAIL, PASSWORD = "home@example.org", "sun on the roof 7"
STREET_EMAIL = "street@example.org"
DAYS = 400
QUARTER_MS = 900_000
LIVE_MS = 10_000
CAPACITY_WH = 9_600


@dataclass(frozen=True)
class Flows:
    """Energies per quarter-hour in Wh and the battery's content in per cent at their ends."""

    starts_ms: np.ndarray
    energies: dict[str, np.ndarray]
    soc: np.ndarray


def sun_w(times_ms: np.ndarray, peak_w: float) -> np.ndarray:
    """The power of a roof: day and season, a cloud now and then."""
    hours = (times_ms / 3_600_000 + 1) % 24
    season = 0.5 - 0.42 * np.cos(2 * np.pi * ((times_ms / 86_400_000 + 11) % 365.25) / 365.25)
    width = 4 + 4.2 * season
    bow = np.clip(np.cos((hours - 12.3) / width * np.pi / 2), 0, None) * (np.abs(hours - 12.3) < width)
    days = (times_ms // 86_400_000).astype(int)
    clear = 0.35 + 0.65 * ((days * 7919) % 97) / 96
    haze = 0.9 + 0.1 * np.sin(times_ms / 1_900_000) * np.cos(times_ms / 701_000)
    return peak_w * (0.35 + 0.65 * season) * bow * clear * haze


def load_w(times_ms: np.ndarray, size: float) -> np.ndarray:
    """The power of a home: a base, breakfast, noon, evening."""
    hours = (times_ms / 3_600_000 + 1) % 24
    humps = sum(
        w * np.exp(-(((hours - at) / wide) ** 2))
        for at, w, wide in ((7.3, 700, 1.0), (12.6, 520, 0.8), (19.2, 1250, 1.7))
    )
    fridge = 90 * (np.sin(times_ms / 412_000) > 0.2)
    return size * (170 + humps + fridge + 40 * np.sin(times_ms / 97_000))


def heat_w(times_ms: np.ndarray) -> np.ndarray:
    """The power of a heat pump: more in winter."""
    season = 0.5 + 0.5 * np.cos(2 * np.pi * ((times_ms / 86_400_000 - 15) % 365.25) / 365.25)
    return 80 + 750 * season * (np.sin(times_ms / 1_500_000) > -0.2)


def home_flows(starts_ms: np.ndarray) -> Flows:
    """Let the battery take the surplus and give it back."""
    made, used = sun_w(starts_ms, 7_200), load_w(starts_ms, 1.0) + heat_w(starts_ms)
    charge, discharge, soc = np.zeros(len(starts_ms)), np.zeros(len(starts_ms)), np.zeros(len(starts_ms))
    content = CAPACITY_WH * 0.4
    for index, rest in enumerate((made - used) / 4):
        charge[index] = min(max(rest, 0.0), 1_250.0, (CAPACITY_WH - content) / 0.96)
        discharge[index] = min(max(-rest, 0.0), 1_250.0, max(content - 0.08 * CAPACITY_WH, 0.0))
        content += 0.96 * charge[index] - discharge[index]
        soc[index] = 100 * content / CAPACITY_WH
    grid = (used - made) / 4 + charge - discharge
    energies = {
        "production_energy": made / 4,
        "charge_energy": charge,
        "discharge_energy": discharge,
        "import_energy": np.clip(grid, 0, None),
        "export_energy": np.clip(-grid, 0, None),
        "consumption_energy": heat_w(starts_ms) / 4,
    }
    return Flows(starts_ms, energies, soc)


def write(measurement: Measurement, times: np.ndarray, values: np.ndarray, now: datetime) -> None:
    """Write simulated readings: past days sealed at once, today's as they come."""
    now_ms = int(now.timestamp() * 1000)
    today = now_ms // 86_400_000 * 86_400_000
    for chosen, service in ((times < today, history_write), (times >= today, readings_write)):
        if chosen.any():
            batch = Batch.of(measurement.series_id, times[chosen], values[chosen], Quality.SIMULATED)
            service(batch=batch, now_ms=now_ms)


def energy(point, quantity: str, since: datetime, flows: Flows, now: datetime) -> None:
    measurement = measurement_start(
        metering_point=point,
        quantity=quantity,
        starts_at=since,
        kind=Kind.INTERVAL,
        simulated=True,
        interval_ms=QUARTER_MS,
    )
    write(measurement, flows.starts_ms, flows.energies[quantity], now)


def gauge(point, quantity: str, since: datetime, times: np.ndarray, values: np.ndarray, now: datetime) -> str:
    measurement = measurement_start(metering_point=point, quantity=quantity, starts_at=since, simulated=True)
    write(measurement, times, values, now)
    live_put({measurement.series_id: Reading(int(times[-1]), float(values[-1]), Quality.SIMULATED)})
    return measurement.pk.hex


def prices(since: datetime, now: datetime) -> None:
    """Register a demo price and emission factors, to the end of the day after tomorrow."""
    first = int(since.timestamp() * 1000) // QUARTER_MS * QUARTER_MS
    last = int(now.timestamp() * 1000) // 86_400_000 * 86_400_000 + 3 * 86_400_000
    times = np.arange(first, last, QUARTER_MS, dtype=np.int64)
    hours = (times / 3_600_000 + 1) % 24
    wave = 9_500 - 4_200 * np.exp(-(((hours - 13) / 2.6) ** 2)) + 5_500 * np.exp(-(((hours - 19) / 1.8) ** 2))
    for kind, name, values in (("price", "demo-day-ahead", np.round(wave)), ("emission", "demo-grid-mix", wave / 28)):
        series = reference_register(
            kind=kind, name=name, source="made up for tests", country="DE", actor=SYSTEM, now=now, demo=True
        )
        reference_write(series=series, times_ms=times, values=values, actor=SYSTEM, now=now)


def contracts(household: Household, since: date, now: datetime) -> None:
    imported = {
        "price": {"kind": "dynamic", "reference": "demo-day-ahead", "markup_uct_per_wh": 1_500},
        "fees": [{"name": "Base fee", "uct": 990_000_000, "per": "month"}],
        "levies": [{"name": "Grid fee and taxes", "uct_per_wh": 13_500}],
        "vat_per_mille": 190,
    }
    exported = {"price": {"kind": "flat", "uct_per_wh": 8_030}}
    for direction, name, terms in (("import", "Quarter-hour", imported), ("export", "Feed-in", exported)):
        contract_create(
            household=household,
            direction=direction,
            supplier_name="Demo supplier",
            name=name,
            starts_on=since,
            ends_on=None,
            terms=terms,
            actor=SYSTEM,
            now=now,
        )


def main_home(owner: User, community: Community, since: datetime, now: datetime) -> dict[str, object]:
    home = household_create(
        owner=owner,
        name="Linden Lane 7",
        time_zone=ZONE,
        currency=CURRENCY,
        community=None,
        actor=SYSTEM,
        now=now,
        since=since,
    )
    household_join_community(household=home, community=community, starts_at=since, actor=SYSTEM, now=now)
    now_ms = int(now.timestamp() * 1000)
    starts = np.arange(
        int(since.timestamp() * 1000) // QUARTER_MS * QUARTER_MS, now_ms - QUARTER_MS, QUARTER_MS, dtype=np.int64
    )
    flows = home_flows(starts)
    terms = BatteryTerms(capacity_wh=CAPACITY_WH, max_charge_w=5_000, max_discharge_w=5_000)
    points = {
        role: metering_point_create(
            household=home, role=role, name=name, actor=SYSTEM, now=now, battery=terms if role == "battery" else None
        )
        for role, name in (
            ("grid", "Grid meter"),
            ("production", "Roof"),
            ("battery", "Battery"),
            ("consumer", "Heat pump"),
        )
    }
    for role, quantity in (
        ("grid", "import_energy"),
        ("grid", "export_energy"),
        ("production", "production_energy"),
        ("battery", "charge_energy"),
        ("battery", "discharge_energy"),
        ("consumer", "consumption_energy"),
    ):
        energy(points[role], quantity, since, flows, now)
    times = np.arange(now_ms // 86_400_000 * 86_400_000 - 7_200_000, now_ms, LIVE_MS, dtype=np.int64)
    last = {key: np.interp(times, starts + QUARTER_MS // 2, values * 4) for key, values in flows.energies.items()}
    battery = last["discharge_energy"] - last["charge_energy"]
    made, used = sun_w(times, 7_200), load_w(times, 1.0) + heat_w(times)
    live = {
        "production": gauge(points["production"], "power", since, times, made, now),
        "battery": gauge(points["battery"], "power", since, times, battery, now),
        "grid": gauge(points["grid"], "power", since, times, used - made - battery, now),
        "soc": gauge(
            points["battery"], "state_of_charge", since, times, np.interp(times, starts + QUARTER_MS, flows.soc), now
        ),
        "consumer": gauge(points["consumer"], "power", since, times, heat_w(times), now),
    }
    contracts(home, since.date(), now)
    counts = {"stove": 1, "light": 14, "household": 5, "entertainment": 3, "solar_panel": 16, "windmill": 0}
    appliances_set_counts(household=home, counts=counts, actor=SYSTEM, now=now)
    return {"household": str(home.pk), "live": live}


def neighbours(owner: User, community: Community, since: datetime, now: datetime) -> list[Household]:
    """Three further homes whose grid connections report."""
    homes = []
    times = np.arange(int(now.timestamp() * 1000) - 3_600_000, int(now.timestamp() * 1000), LIVE_MS, dtype=np.int64)
    for number, size in ((5, 0.7), (9, 1.1), (11, 0.9)):
        home = household_create(
            owner=owner,
            name=f"Linden Lane {number}",
            time_zone=ZONE,
            currency=CURRENCY,
            community=None,
            actor=SYSTEM,
            now=now,
            since=since,
        )
        household_join_community(household=home, community=community, starts_at=since, actor=SYSTEM, now=now)
        point = metering_point_create(household=home, role="grid", name="Grid meter", actor=SYSTEM, now=now)
        gauge(point, "power", since, times, load_w(times, size) - sun_w(times, 2_600 * size), now)
        homes.append(home)
    return homes


def main() -> None:
    """Fill the installation and say what is in it."""
    now = datetime.now(UTC)
    since = (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    owner = user_sign_up(email=EMAIL, password=PASSWORD, name="Owner of no. 7", language="en", now=now)
    other = user_sign_up(email=STREET_EMAIL, password=PASSWORD, name="Owner of the others", language="en", now=now)
    community = community_create(
        name="Linden Lane",
        currency=CURRENCY,
        time_zone=ZONE,
        country="DE",
        manager=owner,
        actor=SYSTEM,
        now=now,
        simulated=True,
    )
    prices(since, now)
    told = main_home(owner, community, since, now)
    street = neighbours(other, community, since, now)
    now_ms = int(now.timestamp() * 1000)
    days_seal(now_ms=now_ms)
    quarters_refresh(now_ms=now_ms)
    home = Household.objects.get(pk=told["household"])
    told["live"] |= market(community=community, home=home, street=street, since=since, now=now)
    told |= {"street_email": STREET_EMAIL, "street": [str(one.pk) for one in street], "community": str(community.pk)}
    print(json.dumps({**told, "email": EMAIL, "password": PASSWORD}))


if __name__ == "__main__":
    main()
