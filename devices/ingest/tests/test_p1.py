"""P1 telegrams: real ones where they are at hand, and composed ones with their CRC computed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from dsmr_parser.parsers import TelegramParser

from devices.ingest.p1 import telegram_values
from devices.ingest.refusals import Refusal
from devices.ingest.tests.test_packets import moment, now_ms, post, stored
from devices.tests.factories import http_meter

SHARED = settings.BASE_DIR.parent / "shared" / "data" / "p1"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def telegram(read_at, *, used="001.234", power="00.500", delivered="00.000", version="50", extra=()):
    local = read_at.astimezone(AMSTERDAM)
    stamp = local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")
    lines = [
        "/XMX5LGBBFG1009394887",
        "",
        f"1-3:0.2.8({version})",
        f"0-0:1.0.0({stamp})",
        f"1-0:1.8.1(000{used}*kWh)",
        "1-0:1.8.2(000002.000*kWh)",
        "1-0:2.8.1(000000.007*kWh)",
        "1-0:2.8.2(000000.000*kWh)",
        "0-0:96.14.0(0002)",
        f"1-0:1.7.0({power}*kW)",
        f"1-0:2.7.0({delivered}*kW)",
        "1-0:32.7.0(230.1*V)",
        *extra,
        "!",
    ]
    text = "\r\n".join(lines)
    return f"{text}{TelegramParser.crc16(text):04X}\r\n"


def read(text):
    return {str(one.name): one for one in telegram_values(text, now_ms=now_ms())}


def test_adds_up_the_tariff_registers_and_nets_the_power():
    at = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
    values = read(telegram(at, used="001.234", power="00.500", delivered="00.750"))
    assert values["import_energy"].value == 3234.0
    assert values["export_energy"].value == 7.0
    assert values["power"].value == -250.0
    assert values["voltage_l1"].value == 230.1
    assert {one.time_ms for one in values.values()} == {round(at.timestamp() * 1000)}


def test_tells_the_two_hours_of_the_autumn_clock_change_apart():
    first = read(telegram(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)))["power"].time_ms
    second = read(telegram(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)))["power"].time_ms
    assert second - first == 3_600_000


def test_reads_gas_and_water_from_the_m_bus_with_their_own_times():
    extra = (
        "0-1:24.1.0(003)",
        "0-1:24.2.1(260701120500S)(00012.345*m3)",
        "0-2:24.1.0(007)",
        "0-2:24.2.1(260701130000S)(00872.234*m3)",
    )
    values = read(telegram(datetime(2026, 7, 1, 12, 0, tzinfo=UTC), extra=extra))
    assert (values["gas_volume"].value, values["water_volume"].value) == (12_345.0, 872_234.0)
    assert values["gas_volume"].time_ms == datetime(2026, 7, 1, 10, 5, tzinfo=UTC).timestamp() * 1000


def test_refuses_a_broken_crc_naming_it():
    broken = telegram(moment()).replace("230.1", "230.2")
    with pytest.raises(Refusal) as refused:
        read(broken)
    assert refused.value.errors[0].field == "crc"
    assert broken.rsplit("!", 1)[1].strip() in refused.value.detail


def test_refuses_a_telegram_whose_crc_was_cut_off():
    cut = telegram(moment()).rsplit("!", 1)[0] + "!\r\n"
    with pytest.raises(Refusal) as refused:
        read(cut)
    assert refused.value.errors[0].field == "crc"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "expected", "read_at"),
    [
        (
            "dsmr_v4_2.txt",
            {"import_energy": 3_016_829.0, "export_energy": 0.0, "power": 2027.0, "gas_volume": 981_443.0},
            datetime(2016, 11, 13, 19, 57, 57, tzinfo=UTC),
        ),
        (
            "dsmr_v5.txt",
            {"import_energy": 6_825.0, "export_energy": 2_444.0, "power": 244.0, "gas_volume": 107.0},
            datetime(2017, 1, 2, 18, 20, 2, tzinfo=UTC),
        ),
        (
            "fluvius_v1_7_1.txt",
            {"import_energy": 15_792.0, "export_energy": 11.0, "gas_volume": 112_384.0, "water_volume": 872_234.0},
            datetime(2020, 5, 12, 11, 54, 9, tzinfo=UTC),
        ),
    ],
)
def test_reads_real_telegrams(file, expected, read_at):
    path = Path(SHARED) / file
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    values = read(path.read_bytes().decode("ascii"))
    assert {name: values[name].value for name in expected} == expected
    assert values["import_energy"].time_ms == read_at.timestamp() * 1000


@pytest.mark.django_db(transaction=True)
async def test_stores_a_telegram_and_binds_what_the_meter_brings():
    meter = await sync_to_async(http_meter)(now=moment(), kind="p1", quantities=())
    at = moment().replace(microsecond=0)
    answer = await post(meter, telegram(at).encode(), path="/ingest/p1", content_type="text/plain")
    assert (answer.status_code, answer.json()) == (200, {"accepted": 4, "ignored": []})
    assert (await sync_to_async(stored)(meter, "import_energy")).values.tolist() == [3234.0]


@pytest.mark.django_db(transaction=True)
async def test_answers_a_broken_telegram_with_the_field():
    meter = await sync_to_async(http_meter)(now=moment(), kind="p1", quantities=())
    broken = telegram(moment()).replace("230.1", "230.2").encode()
    answer = await post(meter, broken, path="/ingest/p1", content_type="text/plain")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "crc")
