import json
import subprocess
import sys

import pytest
import yaml

from devices.drivers import UnableToUnderstand, UnknownModel, device_probe, device_read, model_load, models_available
from devices.drivers.model import CATALOGUE
from devices.drivers.tests.conftest import modbus_server

MODELS = models_available()


def sample_of(name):
    sample = yaml.safe_load((CATALOGUE / "samples" / f"{name}.yaml").read_text(encoding="utf-8"))
    blocks = [(block["address"], block["words"]) for block in sample["registers"]]
    return sample, blocks, sample["registers"][0]["function"]


@pytest.mark.parametrize("name", MODELS)
async def test_every_model_reads_its_sample_over_the_wire(name, pool):
    sample, blocks, function = sample_of(name)
    async with modbus_server(blocks, unit_id=sample["unit_id"], function=function) as port:
        readings = await device_read(
            connection=pool.connection("127.0.0.1", port), model=model_load(name), unit_id=sample["unit_id"]
        )
    assert [(one.channel, one.unit) for one in readings] == [
        (one["channel"], one["unit"]) for one in sample["readings"]
    ]
    assert [one.value for one in readings] == pytest.approx([one["value"] for one in sample["readings"]], rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_every_sample_says_where_it_comes_from(name):
    sample, _blocks, _function = sample_of(name)
    assert (sample["model"], sample["composed"]) == (name, True)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_named_like_its_file_and_names_its_source(name):
    model = model_load(name)
    assert model.name == name
    assert len(model.source.title) > 8


def test_the_catalogue_keeps_its_schema():
    files = [str(path) for path in sorted(CATALOGUE.glob("*.yaml"))]
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(CATALOGUE / "schema.json"), *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_schema_refuses_an_energy_that_is_no_counter(tmp_path):
    model = yaml.safe_load((CATALOGUE / "generic-meter.yaml").read_text(encoding="utf-8"))
    model["points"][1]["kind"] = "gauge"
    (tmp_path / "wrong.json").write_text(json.dumps(model), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(CATALOGUE / "schema.json")]
    result = subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "points[1].kind" in result.stdout


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(UnknownModel, match="eastron-sdm630"):
        model_load("no-such-meter")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sunspec-inverter", ("sunspec-inverter",)),
        ("sunspec-meter", ("sunspec-meter",)),
        ("carlo-gavazzi-em24", ("carlo-gavazzi-em24",)),
        ("eastron-sdm120", ("eastron-sdm120", "eastron-sdm230")),
    ],
)
async def test_probing_finds_what_stands_there(name, found):
    _sample, blocks, function = sample_of(name)
    async with modbus_server(blocks, function=function) as port:
        result = await device_probe(host="127.0.0.1", port=port)
    assert result.models == found
    assert result.readings


async def test_probing_finds_nothing_in_unknown_registers():
    async with modbus_server([(0, [7] * 200)]) as port:
        result = await device_probe(host="127.0.0.1", port=port)
    assert result.models == ()


async def test_a_sunspec_inverter_is_no_sunspec_meter(pool):
    _sample, blocks, _function = sample_of("sunspec-inverter")
    async with modbus_server(blocks) as port:
        with pytest.raises(UnableToUnderstand, match="103"):
            await device_read(connection=pool.connection("127.0.0.1", port), model=model_load("sunspec-meter"))


async def test_an_inverter_without_battery_gives_production_from_its_own_registers(pool):
    _sample, blocks, _function = sample_of("sunspec-inverter")
    words = list(blocks[0][1])
    inverter = words.index(103)
    words = [*words[: inverter + 52], 0xFFFF, 0]
    async with modbus_server([(40_000, words)]) as port:
        readings = await device_read(
            connection=pool.connection("127.0.0.1", port), model=model_load("sunspec-inverter")
        )
    values = {one.channel: one.value for one in readings}
    assert values["production.production_energy"] == 7_654_321
    assert values["production.power"] == 2750.0
    assert "battery.power" not in values
