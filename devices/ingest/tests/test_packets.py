"""Packets over HTTP: stored whole and durable, or refused whole with the field named."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from devices.ingest import gather, limits
from devices.ingest.bodies import PACKETS_BYTES
from devices.models import DeviceKey
from devices.services.keys import device_key_revoke, device_key_rotate
from devices.services.registry import device_disable, device_enable
from devices.tests.factories import gateway_register, http_meter
from myhouse.documents.services import SYSTEM
from myhouse.models import Measurement
from telemetry.model import Quality
from telemetry.selectors import scan

pytestmark = pytest.mark.django_db(transaction=True)


def now_ms():
    return time.time_ns() // 1_000_000


def moment():
    return datetime.now(UTC)


def packet(**changes):
    base = {
        "version": 1,
        "property": "home",
        "reading_ts": now_ms() - 1_000,
        "device_id": "meter-1",
        "points": [{"name": "power", "value": 1.25, "unit": "kW"}],
    }
    return base | changes


async def post(meter, body, path="/ingest/packets", content_type="application/json", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**(meter.headers if meter else {}), **headers}
    return await AsyncClient().post(path, data=content, content_type=content_type, headers=sent)


def stored(meter, quantity):
    measurement = Measurement.objects.get(metering_point=meter.point, quantity=quantity)
    return scan(series_id=measurement.series_id, start_ms=0, end_ms=now_ms() + 600_000)


async def test_stores_a_packet_in_canonical_units_before_answering():
    meter = await sync_to_async(http_meter)(now=moment())
    answer = await post(meter, packet())
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "ignored": []})
    found = await sync_to_async(stored)(meter, "power")
    assert found.values.tolist() == [1250.0]
    assert found.quality.tolist() == [Quality.MEASURED]


async def test_stores_a_list_and_lines_alike_and_a_repeat_once():
    meter = await sync_to_async(http_meter)(now=moment())
    packets = [packet(reading_ts=now_ms() - 60_000 + step) for step in (0, 10_000, 20_000)]
    lines = "\n".join(json.dumps(one) for one in packets).encode()
    assert (await post(meter, packets)).json()["accepted"] == 3
    assert (await post(meter, lines, content_type="application/x-ndjson")).json()["accepted"] == 3
    assert len(await sync_to_async(stored)(meter, "power")) == 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": 2}, "version"),
        ({"reading_ts": 915_148_800_000}, "reading_ts"),
        ({"reading_ts": 4_102_444_800_000}, "reading_ts"),
        ({"reading_ts": "soon"}, "reading_ts"),
        ({"device_id": "somebody-else"}, "device_id"),
        ({"resource": "steam"}, "resource"),
        ({"points": []}, "points"),
        ({"points": [{"name": "power", "value": 1, "unit": "furlong"}]}, "points[0].unit"),
        ({"points": [{"name": "power", "value": 1, "unit": "V"}]}, "points[0].unit"),
        ({"points": [{"name": "power", "value": "much", "unit": "W"}]}, "points[0].value"),
        ({"points": [{"name": "power", "value": 1}]}, "points[0].unit"),
        ({"points": [{"name": "import_energy", "value": -1, "unit": "kWh"}]}, "points[0].value"),
        ({"points": [{"name": "power", "value": 1, "unit": "W", "quality": "simulated"}]}, "points[0].quality"),
        ({"points": [{"name": "power", "value": 1, "unit": "W", "kind": "x"}]}, "points[0].kind"),
        ({"points": [{"name": "nonsense", "value": 1, "unit": "W"}]}, "points[0].name"),
    ],
)
async def test_refuses_a_bad_field_naming_it_and_stores_nothing(changes, field):
    meter = await sync_to_async(http_meter)(now=moment())
    answer = await post(meter, [packet(), packet(**changes)] if "nonsense" not in str(changes) else packet(**changes))
    problem = answer.json()
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    prefix = "packets[1]." if "nonsense" not in str(changes) else ""
    assert problem["errors"][0]["field"] == prefix + field
    assert problem["errors"][0]["message"]
    assert len(await sync_to_async(stored)(meter, "power")) == 0


@pytest.mark.parametrize("body", [b"", b"{", b'{"value": NaN}', b"\xff\xfe", b"[1,"])
async def test_refuses_what_is_not_json(body):
    meter = await sync_to_async(http_meter)(now=moment())
    answer = await post(meter, body)
    assert answer.status_code in {400, 422}
    assert answer.json()["errors"][0]["message"]


async def test_refuses_a_number_beyond_what_json_readers_can_hold():
    meter = await sync_to_async(http_meter)(now=moment())
    body = json.dumps(packet()).replace("1.25", "1e999").encode()
    assert (await post(meter, body)).status_code in {400, 422}
    assert len(await sync_to_async(stored)(meter, "power")) == 0


async def test_tells_which_points_were_left_out_and_what_to_do():
    meter = await sync_to_async(http_meter)(now=moment())
    points = [{"name": "power", "value": 1, "unit": "W"}, {"name": "mood", "value": 3, "unit": "1"}]
    answer = (await post(meter, packet(points=points))).json()
    assert answer["accepted"] == 1
    assert answer["ignored"][0]["field"] == "points[1].name"
    assert "bind" in answer["ignored"][0]["message"]


async def test_binds_a_quantity_of_the_devices_point_when_it_first_arrives():
    meter = await sync_to_async(http_meter)(now=moment(), quantities=())
    points = [{"name": "export_energy", "value": 3.002, "unit": "kWh"}]
    assert (await post(meter, packet(points=points))).json() == {"accepted": 1, "ignored": []}
    assert (await sync_to_async(stored)(meter, "export_energy")).values.tolist() == [3002.0]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mhd_forged"}, {"Authorization": "Basic eDp5"}])
async def test_refuses_a_missing_or_forged_key(headers):
    answer = await post(None, packet(), **headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["errors"][0]["field"] == "Authorization"


async def test_a_revoked_key_ends_at_once_while_the_rotated_one_works():
    meter = await sync_to_async(http_meter)(now=moment())
    assert (await post(meter, packet())).status_code == 200
    _key, fresh = await sync_to_async(device_key_rotate)(device=meter.device, actor=SYSTEM, now=moment())
    assert (await post(meter, packet())).status_code == 200
    old = await sync_to_async(DeviceKey.objects.get)(slot="primary", device_id=meter.device.pk)
    await sync_to_async(device_key_revoke)(key=old, actor=SYSTEM, now=moment())
    assert (await post(meter, packet())).status_code == 401
    assert (await post(None, packet(), Authorization=f"Bearer {fresh}")).status_code == 200


async def test_a_gateway_writes_for_its_own_devices_only():
    gateway = await sync_to_async(gateway_register)(now=moment())
    child = await sync_to_async(http_meter)(now=moment(), gateway=gateway.device, external_id="child")
    stranger = await sync_to_async(http_meter)(now=moment(), external_id="stranger")
    assert (await post(gateway, packet(device_id="child"))).status_code == 200
    assert (await post(gateway, packet(device_id="stranger"))).status_code == 422
    assert len(await sync_to_async(stored)(child, "power")) == 1
    assert len(await sync_to_async(stored)(stranger, "power")) == 0


async def test_quarantines_a_power_the_connection_cannot_carry():
    meter = await sync_to_async(http_meter)(now=moment())
    limit = meter.household.connection_limit_w
    points = [{"name": "power", "value": limit + 1, "unit": "W"}]
    assert (await post(meter, packet(points=points))).status_code == 200
    assert (await sync_to_async(stored)(meter, "power")).quality.tolist() == [Quality.SUSPECT]


async def test_unpacks_gzip_and_stops_at_the_limit_of_a_bomb():
    meter = await sync_to_async(http_meter)(now=moment())
    packed = gzip.compress(json.dumps(packet()).encode())
    assert (await post(meter, packed, **{"Content-Encoding": "gzip"})).status_code == 200
    bomb = gzip.compress(b" " * (PACKETS_BYTES * 50))
    assert (await post(meter, bomb, **{"Content-Encoding": "gzip"})).status_code == 413
    assert (await post(meter, packed[:-9], **{"Content-Encoding": "gzip"})).status_code == 400
    assert (await post(meter, packed, **{"Content-Encoding": "br"})).status_code == 415


async def test_refuses_a_body_beyond_the_limit():
    meter = await sync_to_async(http_meter)(now=moment())
    assert (await post(meter, b" " * (PACKETS_BYTES + 1))).status_code == 413


async def test_slows_a_key_down_telling_how_long_to_wait(monkeypatch):
    from devices.ingest import views
    from devices.ingest.limits import Rate

    monkeypatch.setattr(views, "DEVICE", Rate(per_s=0.1, burst=2))
    meter = await sync_to_async(http_meter)(now=moment())
    answers = [await post(meter, packet()) for _try in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) >= 1


async def test_simulated_series_take_simulated_readings_without_being_told():
    meter = await sync_to_async(http_meter)(now=moment() - timedelta(days=1), simulated=True)
    assert (await post(meter, packet())).status_code == 200
    assert (await sync_to_async(stored)(meter, "power")).quality.tolist() == [Quality.SIMULATED]


async def test_leaves_a_spike_out_of_a_simulated_series_and_says_so():
    meter = await sync_to_async(http_meter)(now=moment(), simulated=True)
    points = [{"name": "power", "value": 1_000, "unit": "kW"}, {"name": "import_energy", "value": 1, "unit": "Wh"}]
    answer = (await post(meter, packet(points=points))).json()
    assert (answer["accepted"], answer["quarantined"]) == (1, 1)
    assert len(await sync_to_async(stored)(meter, "power")) == 0


async def test_one_requests_impossible_value_costs_no_other_request_its_readings():
    meter = await sync_to_async(http_meter)(now=moment())
    energy = [{"name": "import_energy", "value": 1e300, "unit": "Wh"}]
    bodies = [packet(reading_ts=now_ms() - step) for step in range(1, 5)]
    answers = await asyncio.gather(post(meter, packet(points=energy)), *(post(meter, body) for body in bodies))
    assert [answer.status_code for answer in answers] == [422, 200, 200, 200, 200]
    assert answers[0].json()["errors"][0]["field"] == "points[0].value"
    assert len(await sync_to_async(stored)(meter, "power")) == 4


async def test_asks_to_come_back_when_too_much_waits(monkeypatch):
    monkeypatch.setattr(gather, "WAITING_AT_MOST", 0)
    meter = await sync_to_async(http_meter)(now=moment())
    answer = await post(meter, packet())
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


async def test_a_disabled_devices_key_is_refused_until_it_is_enabled_again():
    meter = await sync_to_async(http_meter)(now=moment())
    await sync_to_async(device_disable)(device=meter.device, actor=SYSTEM, now=moment())
    assert (await post(meter, packet())).status_code == 401
    await sync_to_async(device_enable)(device=meter.device, actor=SYSTEM, now=moment())
    assert (await post(meter, packet())).status_code == 200


async def test_many_wrong_keys_from_one_address_are_no_longer_looked_up(monkeypatch):
    monkeypatch.setattr(limits, "GUESSES", limits.Rate(per_s=0.01, burst=3))
    limits._buckets.clear()
    meter = await sync_to_async(http_meter)(now=moment())
    guesses = [await post(None, packet(), Authorization=f"Bearer mhd_{number}") for number in range(5)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429, 429]
    limits._buckets.clear()
    assert (await post(meter, packet())).status_code == 200


async def test_answers_405_to_anything_but_post():
    assert (await AsyncClient().get("/ingest/packets")).status_code == 405
