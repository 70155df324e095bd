"""Registers to numbers and back: types, word order, values that stand for “not implemented”."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from devices.drivers.model import WIDTH, Measured

_FORMAT = {
    "int16": ">h",
    "uint16": ">H",
    "bits16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "bits32": ">I",
    "float32": ">f",
    "int64": ">q",
    "uint64": ">Q",
    "float64": ">d",
}
# SunSpec's own "not implemented" marks; NaN is that of the floats.
SUNSPEC_ABSENT = {
    "int16": -0x8000,
    "uint16": 0xFFFF,
    "bits16": 0xFFFF,
    "int32": -0x8000_0000,
    "uint32": 0xFFFF_FFFF,
    "bits32": 0xFFFF_FFFF,
    "int64": -0x8000_0000_0000_0000,
    "uint64": 0xFFFF_FFFF_FFFF_FFFF,
}
# What no home's device can truthfully show, by canonical unit: beyond it the model or its word order is wrong.
PLAUSIBLE = {
    "W": (-1e7, 1e7),
    "Wh": (0.0, 1e13),
    "V": (-1.0, 1500.0),
    "A": (-10_000.0, 10_000.0),
    "Hz": (0.0, 500.0),
    "%": (0.0, 100.0),
    "degC": (-60.0, 300.0),
}


def decode_number(registers: Sequence[int], type_: str, word_order: str) -> float | int:
    """The number in these registers, most significant word first unless `word_order` is little."""
    words = registers if word_order == "big" else list(registers)[::-1]
    value: float | int = struct.unpack(_FORMAT[type_], struct.pack(f">{len(words)}H", *words))[0]
    return value


def encode_number(value: float, type_: str, word_order: str) -> list[int]:
    """The registers that show this number; whole-number types round to the nearest."""
    number = value if type_.startswith("float") else round(value)
    words = list(struct.unpack(f">{WIDTH[type_]}H", struct.pack(_FORMAT[type_], number)))
    return words if word_order == "big" else words[::-1]


def decode_text(registers: Sequence[int]) -> str:
    """The text in these registers, up to the first NUL."""
    raw = struct.pack(f">{len(registers)}H", *registers)
    return raw.split(b"\0", 1)[0].decode("ascii", "replace").strip()


def encode_text(text: str, length: int) -> list[int]:
    """Text as `length` registers, filled up with NUL."""
    return list(struct.unpack(f">{length}H", text.encode("ascii")[: 2 * length].ljust(2 * length, b"\0")))


def is_absent(number: float, point: Measured, *, sunspec: bool) -> bool:
    """Whether the register says “I do not measure this”."""
    if isinstance(number, float):
        return math.isnan(number)
    if point.not_implemented is not None and number == point.not_implemented:
        return True
    return sunspec and number == SUNSPEC_ABSENT[point.type]


def is_plausible(value: float, point: Measured) -> bool:
    """Whether a device of a home can truthfully show this value."""
    lowest, highest = PLAUSIBLE.get(point.unit, (-math.inf, math.inf))
    lowest = lowest if point.minimum is None else point.minimum
    highest = highest if point.maximum is None else point.maximum
    return math.isfinite(value) and lowest <= value <= highest
