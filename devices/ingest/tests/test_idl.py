"""The IDL says what the JSON decoder takes, field by field."""

import re
from pathlib import Path

import msgspec
import pytest

from devices.ingest import packets
from telemetry.model import Quality

IDL = (Path(packets.__file__).parent / "datapacket.thrift").read_text(encoding="utf-8")


def block(kind, name):
    return re.search(rf"{kind} {name} {{(.*?)\n}}", IDL, re.DOTALL)[1]


@pytest.mark.parametrize(("name", "struct"), [("Point", packets.Point), ("DataPacket", packets.Packet)])
def test_the_idl_has_the_same_fields_and_needs_the_same_ones(name, struct):
    found = re.findall(r"\d+: (required|optional) \S+ (\w+)", block("struct", name))
    fields = {one.name: one.required for one in msgspec.structs.fields(struct)}
    assert {field: need == "required" for need, field in found} == fields


def test_the_idl_has_the_same_qualities():
    found = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", block("enum", "Quality"))}
    assert found == {quality.name: int(quality) for quality in Quality}
