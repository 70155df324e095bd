"""A device model as data: which registers hold which quantity. Read from `devices/catalogue/*.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from devices.drivers.errors import UnknownModel

CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue"

Kind = Literal["gauge", "counter"]
Role = Literal["", "grid", "production", "battery", "consumer"]
Type = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bits16", "bits32"]
WIDTH: dict[str, int] = {
    **dict.fromkeys(("int16", "uint16", "bits16"), 1),
    **dict.fromkeys(("int32", "uint32", "float32", "bits32"), 2),
    **dict.fromkeys(("int64", "uint64", "float64"), 4),
}


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured value: what it is, and where it stands.

    `address` is the register on the wire (from 0); in a SunSpec block or module it counts from the block's id.
    value = register × 10^register[scale_at] × scale, in `unit`, which is always a canonical one.
    """

    quantity: str
    unit: str
    kind: Kind
    address: int
    type: Type
    scale: float = 1.0
    scale_at: int | None = None
    role: Role = ""
    minimum: float | None = None
    maximum: float | None = None
    not_implemented: int | None = None

    @property
    def end(self) -> int:
        """The first register behind this value."""
        return self.address + WIDTH[self.type]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the register facts come from: the manufacturer's document."""

    title: str
    publisher: str
    note: str = ""


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A register that tells this model from others: its value lies between two bounds."""

    address: int
    type: Type
    minimum: float
    maximum: float
    function: Literal["input", "holding"] | None = None


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a repeated part of a SunSpec block measures if its label begins so."""

    label: str
    points: tuple[Measured, ...]


class Modules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The repeated part of a SunSpec block: how many, where, and what by label; same quantities add up."""

    count_at: int
    first: int
    size: int
    label_at: int
    label_length: int
    kinds: tuple[Module, ...]


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A SunSpec information model, found by walking the map; earlier blocks have precedence."""

    name: str
    ids: tuple[int, ...]
    points: tuple[Measured, ...] = ()
    modules: Modules | None = None
    unless: tuple[int, ...] = ()


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device model: fixed registers (`points`) or SunSpec `blocks`."""

    name: str
    title: str
    manufacturer: str
    protocol: Literal["registers", "sunspec"]
    source: Source
    roles: tuple[Role, ...]
    function: Literal["input", "holding"] = "holding"
    word_order: Literal["big", "little"] = "big"
    max_registers: int = 125
    max_gap: int = 0
    identify: tuple[Check, ...] = ()
    bases: tuple[int, ...] = ()
    points: tuple[Measured, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Every value that this model can give, each (role, quantity) once."""
        found: dict[tuple[str, str], Measured] = {}
        points = list(self.points)
        for block in self.blocks:
            points += block.points
            if block.modules is not None:
                points += [point for kind in block.modules.kinds for point in kind.points]
        for point in points:
            found.setdefault((point.role, point.quantity), point)
        return tuple(found.values())


@cache
def models_available() -> tuple[str, ...]:
    """The names of all models in the catalogue."""
    return tuple(sorted(path.stem for path in CATALOGUE.glob("*.yaml")))


@cache
def model_load(name: str) -> Model:
    """Return the model of that name; UnknownModel names the ones there are."""
    if name not in models_available():
        msg = f"There is no device model “{name}”. Known models: {', '.join(models_available())}."
        raise UnknownModel(msg)
    text = (CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Model)
