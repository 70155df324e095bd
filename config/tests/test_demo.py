"""The demo: an empty installation becomes a community whose history agrees with its living devices."""

from __future__ import annotations

import socket
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import override_settings

from config import demo
from config.demo import fill
from config.demo.contracts import EMISSION_NAME, PRICE_NAME, market_days
from devices.drivers import ConnectionPool, device_read, model_load, readings_at
from devices.selectors import poll_plans
from devices.simulator.checkpoint import spec_write
from devices.simulator.community import Spec
from devices.simulator.installation import devices_plan
from devices.simulator.live import Live
from devices.simulator.server import Simulator
from devices.simulator.timeline import Timeline
from myhouse.models import Household, MeteringPoint, ReferenceSeries, SupplierContract, User
from telemetry.selectors import bounds, latest, scan, totals

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NOW = datetime(2026, 11, 20, 15, 7, 30, tzinfo=UTC)
HOMES = 2


@pytest.fixture
def filled(tmp_path: Path):
    """A demo of two homes and three days, in a folder of its own."""
    with override_settings(VAR_DIR=tmp_path):
        demo.demo_fill(now=NOW, say=lambda _text: None, homes=HOMES, days=3)
        yield tmp_path


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def series_of(key: str, channel: str):
    spec, base_port = demo.demo_spec()
    placed = next(one for one in devices_plan(spec) if one.key == key)
    plans = poll_plans().values()
    plan = next(p for p in plans if (p.port, p.unit_id) == (base_port + placed.port_offset, placed.unit_id))
    return plan.targets[channel].series_id


def test_fills_an_empty_installation_with_homes_meters_contracts_and_logins(filled: Path) -> None:
    assert sorted(Household.objects.values_list("name", flat=True)) == ["Sonnenhof 1", "Sonnenhof 2"]
    roles = MeteringPoint.objects.filter(household__name="Sonnenhof 1").values_list("role", flat=True)
    assert sorted(roles) == ["battery", "consumer", "consumer", "grid", "production"]
    directions = SupplierContract.objects.filter(household__name="Sonnenhof 1").values_list("direction", flat=True)
    assert sorted(directions) == ["export", "import", "import"]
    for login in demo.demo_logins():
        assert authenticate(username=login["email"], password=login["password"]) is not None
    assert stat.S_IMODE((filled / "demo" / "logins.json").stat().st_mode) == 0o600


def test_the_history_is_what_the_homes_did(filled: Path) -> None:
    spec, _port = demo.demo_spec()
    first = ms(datetime(2026, 11, 18, tzinfo=UTC))
    edges = np.array([first, first + 86_400_000], dtype=np.int64)
    day = next(day for day in Timeline(spec).days(until=10**6) if day.number == first // 86_400_000)
    for flow, channel in (("import", "grid.import_energy"), ("export", "grid.export_energy")):
        found = totals(series_ids=[series_of("home-1-grid", channel)], edges_ms=edges)
        # The register is a float32 in kWh: half a Wh at each end.
        assert found.energy[0, 0] == pytest.approx(int(day.flows[flow][0].sum()), abs=1_000_000)
        assert found.covered[0, 0] == 96


def test_the_history_reaches_to_the_minute_and_is_fine_in_the_last_two_days(filled: Path) -> None:
    series_id = series_of("home-2-grid", "grid.power")
    now = ms(NOW)
    assert bounds(series_id=series_id) == (ms(datetime(2026, 11, 17, tzinfo=UTC)), now // 60_000 * 60_000)
    recent = scan(series_id=series_id, start_ms=now - 3_600_000, end_ms=now)
    old = scan(series_id=series_id, start_ms=now - 72 * 3_600_000, end_ms=now - 71 * 3_600_000)
    assert (len(recent), len(old)) == (60, 12)


def test_filling_again_and_catching_up_at_the_same_minute_write_nothing(filled: Path) -> None:
    said: list[str] = []
    demo.demo_fill(now=NOW, say=said.append, homes=HOMES, days=3)
    demo.demo_catch_up(now=NOW, say=said.append)
    assert said == ["The demo community has 2 homes and 0 readings since 2026-11-17."]
    assert Household.objects.count() == HOMES


def test_a_gap_is_filled_with_what_the_homes_did_meanwhile(filled: Path) -> None:
    later = NOW + timedelta(days=1, hours=3)
    demo.demo_catch_up(now=later, say=lambda _text: None)
    series_id = series_of("home-1-grid", "grid.import_energy")
    seen = scan(series_id=series_id, start_ms=ms(NOW) - 86_400_000, end_ms=ms(later) + 1)
    assert int(np.diff(seen.times).max()) <= 300_000
    assert (np.diff(seen.values) >= 0).all()
    assert latest(series_ids=[series_id])[series_id].time_ms == ms(later) // 60_000 * 60_000


async def test_the_living_devices_go_on_where_the_history_ends(filled: Path) -> None:
    from asgiref.sync import sync_to_async

    spec, _port = await sync_to_async(demo.demo_spec)()
    until = ms(NOW) // 60_000 * 60
    live = Live(Timeline(spec), clock=lambda: float(until))
    simulator = Simulator(live=live, placed=devices_plan(spec), base_port=0)
    await simulator.start()
    pool = ConnectionPool()
    compared = 0
    for key, served in simulator.devices.items():
        host, port, unit_id = simulator.address(key)
        model = model_load(served.placed.model)
        readings = await device_read(connection=pool.connection(host, port), model=model, unit_id=unit_id)
        for one in readings_at(readings, served.placed.role):
            if one.kind == "counter":
                series_id = await sync_to_async(series_of)(key, one.channel)
                newest = await sync_to_async(latest)(series_ids=[series_id])
                assert (newest[series_id].value, newest[series_id].time_ms) == (one.value, until * 1000)
                compared += 1
    pool.close()
    simulator.stop()
    assert compared >= 8


def test_prices_and_emission_factors_reach_to_the_end_of_tomorrow_and_are_labelled(filled: Path) -> None:
    for name in (PRICE_NAME, EMISSION_NAME):
        series = ReferenceSeries.objects.get(name=name)
        assert series.demo
        assert "demo" in series.source
        assert bounds(series_id=series.series_id)[1] == ms(datetime(2026, 11, 21, 23, 45, tzinfo=UTC))
    assert demo.references_extend(now=NOW) == 0
    assert demo.references_extend(now=NOW + timedelta(days=1)) == 2 * 96


def test_an_interrupted_filling_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 40:
            raise KeyboardInterrupt

    with override_settings(VAR_DIR=tmp_path):
        with pytest.raises(KeyboardInterrupt):
            demo.demo_fill(now=NOW, say=lambda _text: None, homes=1, days=45, progress=stop)
        demo.demo_fill(now=NOW + timedelta(minutes=5), say=lambda _text: None, homes=1, days=45)
        series_id = series_of("home-1-grid", "grid.export_energy")
        begins = datetime(2026, 10, 6, tzinfo=UTC)
        seen = scan(series_id=series_id, start_ms=ms(begins), end_ms=ms(NOW) + 600_000)
    assert Household.objects.count() == 1
    assert seen.times[0] == ms(begins)
    assert set(np.diff(seen.times)) == {60_000, 300_000}


def test_the_commands_say_what_there_is(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo")
    shown = capsys.readouterr().out
    assert "2 simulated homes since 2026-11-17" in shown
    assert "household@demo.example" in shown


def test_a_lost_description_is_made_again_from_the_documents(filled: Path) -> None:
    before = demo.demo_spec()
    (filled / "simulator" / "spec.json").unlink()
    assert demo.demo_spec() == before


def test_a_folder_that_described_another_demo_follows_the_documents(filled: Path) -> None:
    before = demo.demo_spec()
    spec_write(filled / "simulator" / "spec.json", Spec(origin=date(2020, 1, 1), homes=7), base_port=16_000)
    assert demo.demo_recall()
    assert demo.demo_spec() == before


def test_a_folder_whose_documents_are_gone_begins_anew(tmp_path: Path) -> None:
    with override_settings(VAR_DIR=tmp_path):
        spec_write(tmp_path / "simulator" / "spec.json", Spec(origin=date(2020, 1, 1), homes=7), base_port=16_000)
        assert not demo.demo_recall()
        assert demo.demo_spec() is None


def test_moves_to_free_ports_when_another_program_has_them(filled: Path) -> None:
    before = demo.demo_spec()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", before[1]))
        other.listen()
        demo.demo_catch_up(now=NOW, say=lambda _text: None)
    spec, base_port = demo.demo_spec()
    assert (spec, base_port != before[1]) == (before[0], True)
    placed = {(base_port + one.port_offset, one.unit_id) for one in devices_plan(spec)}
    assert {(plan.port, plan.unit_id) for plan in poll_plans().values()} == placed


def test_two_folders_filled_at_once_look_for_ports_in_different_places() -> None:
    found = set()
    for folder in ("/one", "/two"):
        with override_settings(VAR_DIR=Path(folder)):
            found.add(fill._free_ports(2))

    assert len(found) == 2


def test_leaves_an_installation_with_accounts_alone(tmp_path: Path) -> None:
    User.objects.create_user("someone@example.org", "x", name="Someone")
    with override_settings(VAR_DIR=tmp_path), pytest.raises(CommandError, match="empty installation"):
        call_command("simulate", "--days", "2")
    assert not Household.objects.exists()


def test_refuses_to_begin_before_the_beginning(filled: Path) -> None:
    with pytest.raises(CommandError, match="begins on 2026-11-17"):
        call_command("simulate", "--days", "3000")


def test_the_market_is_dearer_in_the_evening_than_at_noon_in_summer() -> None:
    times, prices, factors = market_days(Spec(origin=date(2026, 7, 1)), 20_635, 20_665)
    hours = (times // 3_600_000) % 24
    assert prices[hours == 18].mean() > 1.5 * prices[hours == 11].mean()
    assert factors[hours == 2].mean() > factors[hours == 11].mean()
    assert np.array_equal(prices, np.floor(prices))
