"""P1 telegrams of smart meters (DSMR 2.2 to 5, Fluvius): the CRC checked, registers as the device's points.

Tariff registers add up to one import and one export register; power is import minus export. Gas, water
and heat meters on the M-Bus bring their own time. Times are UTC by the telegram's summer/winter mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from dsmr_parser import telegram_specifications
from dsmr_parser.exceptions import InvalidChecksumError, ParseError
from dsmr_parser.parsers import TelegramParser

from devices.ingest.packets import Reading
from devices.ingest.refusals import Refusal
from devices.ingest.routes import Route
from devices.intake import UNSAID, Row, Rows
from myhouse.errors import FieldError
from myhouse.models.metering import Quantity
from telemetry.units import convert

IMPORT_REGISTERS = ("ELECTRICITY_USED_TARIFF_1", "ELECTRICITY_USED_TARIFF_2")
EXPORT_REGISTERS = ("ELECTRICITY_DELIVERED_TARIFF_1", "ELECTRICITY_DELIVERED_TARIFF_2")
VOLTAGES = {
    Quantity.VOLTAGE_L1: "INSTANTANEOUS_VOLTAGE_L1",
    Quantity.VOLTAGE_L2: "INSTANTANEOUS_VOLTAGE_L2",
    Quantity.VOLTAGE_L3: "INSTANTANEOUS_VOLTAGE_L3",
}
MBUS = {3: Quantity.GAS, 4: Quantity.HEAT, 6: Quantity.WATER, 7: Quantity.WATER, 12: Quantity.HEAT}
MBUS_VALUES = ("MBUS_METER_READING", "HOURLY_GAS_METER_READING")
CANONICAL = {"kWh": "Wh", "kW": "W", "V": "V", "m3": "l", "GJ": "Wh"}
_VERSION = re.compile(r"^1-3:0\.2\.8\((?P<version>\d+)\)", re.MULTILINE)
_BELGIAN = re.compile(r"^0-0:96\.1\.4\(", re.MULTILINE)
_CRC = re.compile(r"^!(?P<crc>[0-9A-Fa-f]{4})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a telegram, in the canonical unit."""

    name: str
    time_ms: int
    value: float


def telegram_read(*, body: bytes, route: Route, now_ms: int) -> Reading:
    """Check, parse and resolve a telegram for the device whose key it came with."""
    values = list(telegram_values(_text(body), now_ms=now_ms))
    own = route.own
    rows: list[Row] = []
    ignored: list[FieldError] = []
    to_open: dict[tuple[str, str], int] = {}
    for value in values:
        target = own.targets.get(value.name)
        if target is not None:
            rows.append(Row(target, value.time_ms, value.value, UNSAID))
            continue
        if value.name in own.openable:
            to_open[(own.external_id, value.name)] = value.time_ms
        ignored.append(FieldError(value.name, _("No channel of the device is bound to this quantity.")))
    found = Rows(rows, lambda row, part: f"{rows[row].target.name}.{part}")
    return Reading(found, ignored, to_open)


def telegram_values(text: str, *, now_ms: int) -> Iterator[Value]:
    """Yield what a telegram says; refuses a broken one naming its CRC."""
    telegram = _parsed(text)
    stamp = getattr(telegram, "P1_MESSAGE_TIMESTAMP", None)
    time_ms = _ms(stamp.value) if stamp is not None else now_ms
    for name, registers in ((Quantity.IMPORT, IMPORT_REGISTERS), (Quantity.EXPORT, EXPORT_REGISTERS)):
        found = [one for one in (getattr(telegram, register, None) for register in registers) if one is not None]
        if found:
            yield Value(name, time_ms, sum(_canonical(one.value, one.unit) for one in found))
    used = getattr(telegram, "CURRENT_ELECTRICITY_USAGE", None)
    delivered = getattr(telegram, "CURRENT_ELECTRICITY_DELIVERY", None)
    if used is not None and delivered is not None:
        power = _canonical(used.value, used.unit) - _canonical(delivered.value, delivered.unit)
        yield Value(Quantity.POWER, time_ms, power)
    for name, line in VOLTAGES.items():
        voltage = getattr(telegram, line, None)
        if voltage is not None:
            yield Value(name, time_ms, _canonical(voltage.value, voltage.unit))
    yield from _mbus(telegram, now_ms)


def _mbus(telegram: Any, now_ms: int) -> Iterator[Value]:
    """Yield the first meter of each medium on the M-Bus."""
    done: set[str] = set()
    for meter in getattr(telegram, "MBUS_DEVICES", []):
        lines = dict(meter)
        medium = lines.get("MBUS_DEVICE_TYPE") or lines.get("DEVICE_TYPE")
        name = MBUS.get(int(medium.value)) if medium is not None else None
        reading = next((lines[line] for line in MBUS_VALUES if line in lines), None)
        if name is None or name in done or reading is None or reading.value is None:
            continue
        done.add(name)
        read_at = getattr(reading, "datetime", None)
        time_ms = _ms(read_at) if read_at is not None else now_ms
        yield Value(name, time_ms, _canonical(reading.value, reading.unit))


def _text(body: bytes) -> str:
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise Refusal(400, _("A telegram is plain ASCII text."), field="telegram") from None
    start = text.find("/")
    if start < 0 or "!" not in text:
        raise Refusal(400, _("Send one whole telegram, from “/” to the line that starts with “!”."), field="telegram")
    # The CRC is over the lines as the meter sends them; some readers drop the carriage returns.
    return re.sub(r"\r?\n", "\r\n", text[start:])


def _parsed(text: str) -> Any:
    version = _VERSION.search(text)
    crc = _CRC.search(text)
    if crc is None and (version is not None or _BELGIAN.search(text)):
        raise Refusal(422, _("The telegram has no CRC behind “!”: send it whole."), field="crc")
    try:
        return _parser(_specification(text)).parse(text, throw_ex=True)
    except InvalidChecksumError:
        computed = f"{TelegramParser.crc16(text[: text.rindex('!') + 1]):04X}"
        message = _("The CRC %(sent)s does not fit the telegram, which gives %(computed)s: send it again.") % {
            "sent": crc["crc"] if crc else "",
            "computed": computed,
        }
        raise Refusal(422, message, field="crc") from None
    except (ParseError, ValueError, ArithmeticError) as error:
        message = _("A line of the telegram cannot be read: %(why)s") % {"why": error}
        raise Refusal(422, message, field="telegram") from None


def _specification(text: str) -> str:
    version = _VERSION.search(text)
    if version is None:
        return "BELGIUM_FLUVIUS" if _BELGIAN.search(text) else "V2_2"
    return "V5" if version["version"].startswith("5") else "V4"


@cache
def _parser(name: str) -> TelegramParser:
    return TelegramParser(getattr(telegram_specifications, name))


def _canonical(value: Decimal, unit: str) -> float:
    """Return the value in the canonical unit; three decimals of a kWh are whole Wh, exactly."""
    if unit in {"kWh", "kW", "m3"}:
        return float(value * 1000)
    return float(convert(float(value), unit, CANONICAL.get(unit, unit)))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
