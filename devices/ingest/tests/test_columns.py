"""Readings in columns: many series at once, long pasts, refused whole with the column named."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from devices.ingest.tests.test_packets import moment, now_ms, post, stored
from devices.tests.factories import gateway_register, http_meter
from telemetry.model import Quality

pytestmark = pytest.mark.django_db(transaction=True)


async def send(meter, series, **changes):
    return await post(meter, {"version": 1, "series": series} | changes, path="/ingest/columns")


async def test_stores_columns_of_several_points_in_their_units():
    meter = await sync_to_async(http_meter)(now=moment())
    start = now_ms() - 100_000
    series = {
        "power": {"times": [start, start + 10_000], "values": [1, 2.5], "unit": "kW", "quality": [0, 1]},
        "import_energy": {"start": start, "step": 10_000, "values": [100, 101, 103]},
    }
    assert (await send(meter, series)).json() == {"accepted": 5, "ignored": []}
    power = await sync_to_async(stored)(meter, "power")
    assert (power.values.tolist(), power.quality.tolist()) == ([1000.0, 2500.0], [0, Quality.ESTIMATED])
    energy = await sync_to_async(stored)(meter, "import_energy")
    assert energy.times.tolist() == [start, start + 10_000, start + 20_000]


async def test_a_gateway_sends_many_devices_in_one_request():
    gateway = await sync_to_async(gateway_register)(now=moment())
    meters = [
        await sync_to_async(http_meter)(now=moment(), gateway=gateway.device, external_id=f"m{number}")
        for number in range(5)
    ]
    start = now_ms() - 100_000
    series = {f"m{number}/power": {"start": start, "step": 1_000, "values": [number] * 10} for number in range(5)}
    assert (await send(gateway, series)).json()["accepted"] == 50
    last = await sync_to_async(stored)(meters[4], "power")
    assert last.values.tolist() == [4.0] * 10


async def test_seals_a_long_past_directly_and_a_repeat_changes_nothing():
    meter = await sync_to_async(http_meter)(now=moment())
    count = 20_000
    start = now_ms() - count * 10_000
    values = np.round(np.cumsum(np.arange(count) % 7) / 10, 1)
    series = {"import_energy": {"start": start, "step": 10_000, "values": values.tolist()}}
    for _again in range(2):
        assert (await send(meter, series)).json()["accepted"] == count
    found = await sync_to_async(stored)(meter, "import_energy")
    assert np.array_equal(found.times, start + 10_000 * np.arange(count))
    assert np.array_equal(found.values, values)


START = 1_700_000_000_000


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ({"times": [START], "values": [1, 2]}, "series.power.times"),
        ({"values": [1]}, "series.power.times"),
        ({"times": [START], "start": START, "step": 1, "values": [1]}, "series.power.times"),
        ({"start": START, "step": 0, "values": [1]}, "series.power.step"),
        ({"start": -5, "step": 1_000, "values": [1]}, "series.power.start"),
        ({"start": 4_102_444_800_000, "step": 1_000, "values": [1]}, "series.power.start"),
        ({"times": [START, 5], "values": [1, 2]}, "series.power.times[1]"),
        ({"times": [START, 10**30], "values": [1, 2]}, "series.power.times"),
        ({"times": [START], "values": [1], "unit": "kWh"}, "series.power.unit"),
        ({"times": [START], "values": [1], "quality": [9]}, "series.power.quality"),
        ({"times": [START], "values": [1], "quality": [0, 0]}, "series.power.quality"),
        ({"times": [START], "values": [None]}, "series[...].values[0]"),
    ],
)
async def test_refuses_a_bad_column_naming_it_and_stores_nothing(column, field):
    meter = await sync_to_async(http_meter)(now=moment() - timedelta(days=1))
    good = {"times": [START], "values": [5]}
    answer = await send(meter, {"import_energy": good, "power": column})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert len(await sync_to_async(stored)(meter, "import_energy")) == 0


async def test_refuses_negative_energy_in_the_middle_of_a_column():
    meter = await sync_to_async(http_meter)(now=moment())
    series = {
        "power": {"start": START, "step": 1_000, "values": [-1, -2]},
        "import_energy": {"start": START, "step": 1_000, "values": [5, 6, -7]},
    }
    answer = await send(meter, series)
    assert answer.json()["errors"][0]["field"] == "series.import_energy.values[2]"


async def test_names_columns_that_are_not_bound():
    meter = await sync_to_async(http_meter)(now=moment())
    start = now_ms() - 10_000
    series = {"power": {"start": start, "step": 1, "values": [1]}, "mood": {"start": start, "step": 1, "values": [1]}}
    answer = (await send(meter, series)).json()
    assert (answer["accepted"], answer["ignored"][0]["field"]) == (1, "series.mood")


async def test_binds_a_quantity_of_the_devices_point_when_its_column_first_arrives():
    meter = await sync_to_async(http_meter)(now=moment(), quantities=())
    series = {"import_energy": {"times": [START, START + 1], "values": [1, 2]}}
    assert (await send(meter, series)).json()["accepted"] == 2


async def test_refuses_an_unknown_version_before_anything_else():
    meter = await sync_to_async(http_meter)(now=moment())
    answer = await send(meter, {"power": {"values": [1], "start": START, "step": 1}}, version=7)
    assert answer.json()["errors"][0]["field"] == "version"


async def test_refuses_more_series_than_one_request_may_hold(monkeypatch):
    from devices.ingest import columns

    monkeypatch.setattr(columns, "SERIES_AT_MOST", 1)
    meter = await sync_to_async(http_meter)(now=moment())
    body = json.dumps({"version": 1, "series": {name: {"values": []} for name in "ab"}}).encode()
    assert (await post(meter, body, path="/ingest/columns")).status_code == 413
