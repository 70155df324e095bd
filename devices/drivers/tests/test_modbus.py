import asyncio
import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.constants import ExcCodes

from devices.drivers import (
    ConnectionPool,
    Measured,
    Model,
    Reading,
    UnableToReach,
    UnableToUnderstand,
    device_read,
    model_load,
    readings_at,
)
from devices.drivers.decoding import decode_number, encode_number
from devices.drivers.model import WIDTH, Source
from devices.drivers.spans import Span, spans_merge
from devices.drivers.tests.conftest import modbus_server


def model_of(*points, **options):
    return Model(
        name="test",
        title="Test meter",
        manufacturer="any",
        protocol="registers",
        source=Source(title="test", publisher="test"),
        roles=("grid",),
        points=points,
        **options,
    )


POWER = Measured(quantity="power", unit="W", kind="gauge", address=0, type="int16")


async def read(port, model, pool, **options):
    return await device_read(connection=pool.connection("127.0.0.1", port), model=model, **options)


async def test_a_device_nobody_answers_for_may_be_tried_again(pool):
    async with modbus_server([(0, [1])]) as port:
        pass
    with pytest.raises(UnableToReach) as error:
        await read(port, model_of(POWER), pool, timeout_s=0.3)
    assert error.value.retry


async def test_a_device_that_hangs_is_given_up_in_time(pool):
    async def never(*_request):
        await asyncio.sleep(30)

    async with modbus_server([(0, [1])], action=never) as port:
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnableToReach, match=r"did not answer within 0\.2 s"):
            await read(port, model_of(POWER), pool, timeout_s=0.2)
        assert asyncio.get_running_loop().time() - began < 1.0


async def test_a_missing_register_means_stop(pool):
    async with modbus_server([(100, [1])]) as port:
        with pytest.raises(UnableToUnderstand, match="no such register") as error:
            await read(port, model_of(POWER), pool)
    assert not error.value.retry


async def test_a_gateway_without_answer_of_the_unit_means_try_again(pool):
    async def silent(*_request):
        return ExcCodes.GATEWAY_NO_RESPONSE

    async with modbus_server([(0, [1])], action=silent) as port:
        with pytest.raises(UnableToReach, match="exception 11"):
            await read(port, model_of(POWER), pool)


async def test_a_value_that_cannot_be_is_refused(pool):
    hertz = Measured(quantity="frequency", unit="Hz", kind="gauge", address=0, type="uint16")
    async with modbus_server([(0, [9999])]) as port:
        with pytest.raises(UnableToUnderstand, match="frequency, which cannot be"):
            await read(port, model_of(hertz), pool)


async def test_an_infinite_value_is_refused(pool):
    power = Measured(quantity="power", unit="W", kind="gauge", address=0, type="float32")
    words = list(struct.unpack(">HH", struct.pack(">f", math.inf)))
    async with modbus_server([(0, words)]) as port:
        with pytest.raises(UnableToUnderstand):
            await read(port, model_of(power), pool)


async def test_comes_back_after_the_device_was_away(pool):
    async with modbus_server([(0, [42])]) as port:
        assert (await read(port, model_of(POWER), pool))[0].value == 42
    with pytest.raises(UnableToReach):
        await read(port, model_of(POWER), pool, timeout_s=0.3)
    async with modbus_server([(0, [43])], port=port):
        assert (await read(port, model_of(POWER), pool))[0].value == 43


async def test_keeps_the_connection_open_between_polls_and_closes_it_when_idle():
    pool = ConnectionPool(idle_s=0.05)
    async with modbus_server([(0, [1])]) as port:
        connection = pool.connection("127.0.0.1", port)
        await device_read(connection=connection, model=model_of(POWER))
        assert connection.is_open
        assert pool.connection("127.0.0.1", port) is connection
        await asyncio.sleep(0.2)
        assert not connection.is_open
        await device_read(connection=pool.connection("127.0.0.1", port), model=model_of(POWER))
    pool.close()


async def test_readers_of_one_connection_take_turns(pool):
    asked = []

    async def slow(*request):
        asked.append(request[2])
        await asyncio.sleep(0.1)

    async with modbus_server([(0, [5, 6, 7])], action=slow) as port:
        models = [model_of(Measured("power", "W", "gauge", address, "int16")) for address in range(3)]
        models = [msgspec.structs.replace(model, name=f"test-{n}") for n, model in enumerate(models)]
        values = await asyncio.gather(*(read(port, model, pool, timeout_s=0.15) for model in models))
    assert [one[0].value for one in values] == [5, 6, 7]  # nobody's time ran out while waiting for a turn
    assert sorted(asked) == [0, 1, 2]


async def test_reads_neighbours_in_one_request(pool):
    asked = []

    async def note(*request):
        asked.append((request[2], request[3]))

    points = [Measured(f"power_l{n}", "W", "gauge", n * 3, "int16") for n in (1, 2, 3)]
    async with modbus_server([(0, [1] * 20)], action=note) as port:
        await read(port, model_of(*points, max_gap=2), pool)
    assert asked == [(3, 7)]


@given(
    wanted=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 4)), min_size=1, max_size=40),
    limit=st.integers(4, 200),
    gap=st.integers(0, 30),
)
def test_every_wanted_register_is_fetched_and_no_request_is_too_long(wanted, limit, gap):
    ranges = [(start, start + length) for start, length in wanted]
    spans = spans_merge(ranges, max_registers=limit, max_gap=gap)
    assert all(any(span.start <= start and end <= span.end for span in spans) for start, end in ranges)
    assert all(span.count <= min(limit, 125) for span in spans)


def test_a_gap_that_is_too_wide_is_not_read():
    assert spans_merge([(0, 2), (5, 6)], max_registers=125, max_gap=2) == (Span(0, 2), Span(5, 6))


@given(
    type_=st.sampled_from(["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]),
    order=st.sampled_from(["big", "little"]),
    words=st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4),
)
def test_numbers_come_back_from_registers_as_they_went_in(type_, order, words):
    registers = words[: WIDTH[type_]]
    number = decode_number(registers, type_, order)
    again = decode_number(encode_number(number, type_, order), type_, order) if math.isfinite(number) else number
    assert again == number or math.isnan(number)


def test_a_meter_of_a_solar_roof_gives_production_and_power_into_the_home():
    readings = [
        Reading("power", -1200.0, "W", "gauge"),
        Reading("import_energy", 5.0, "Wh", "counter"),
        Reading("export_energy", 900.0, "Wh", "counter"),
    ]
    seen = {one.channel: one.value for one in readings_at(readings, "production")}
    assert seen == {"production.power": 1200.0, "production.production_energy": 900.0}


def test_a_sub_meter_gives_consumption():
    readings = [Reading("power", 80.0, "W", "gauge"), Reading("import_energy", 5.0, "Wh", "counter")]
    seen = {one.channel: one.value for one in readings_at(readings, "consumer")}
    assert seen == {"consumer.power": 80.0, "consumer.consumption_energy": 5.0}


def test_all_energies_of_the_catalogue_are_counters_in_watt_hours():
    points = [point for name in ("eastron-sdm630", "sunspec-inverter") for point in model_load(name).measured]
    energies = [point for point in points if point.quantity.endswith("_energy")]
    assert {(point.unit, point.kind) for point in energies} == {("Wh", "counter")}
