"""The one unit converter: what meters, files and people call units, and the canonical ones we keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from telemetry.errors import TelemetryError
from telemetry.model import Floats


class UnknownUnit(TelemetryError):
    """A unit that is not known, or cannot be turned into the one that is needed."""

    kind = "invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = "unit"


@dataclass(frozen=True)
class _Unit:
    """A unit as numerator/denominator of its canonical one (exact for powers of ten), plus an offset."""

    canonical: str
    times: float = 1.0
    over: float = 1.0
    offset: float = 0.0


_UNITS: dict[str, _Unit] = {
    "W": _Unit("W"),
    "mW": _Unit("W", over=1e3),
    "kW": _Unit("W", times=1e3),
    "MW": _Unit("W", times=1e6),
    "VA": _Unit("VA"),
    "kVA": _Unit("VA", times=1e3),
    "var": _Unit("var"),
    "kvar": _Unit("var", times=1e3),
    "Wh": _Unit("Wh"),
    "kWh": _Unit("Wh", times=1e3),
    "MWh": _Unit("Wh", times=1e6),
    "GWh": _Unit("Wh", times=1e9),
    "J": _Unit("Wh", over=3600.0),
    "kJ": _Unit("Wh", times=1e3, over=3600.0),
    "MJ": _Unit("Wh", times=1e6, over=3600.0),
    "GJ": _Unit("Wh", times=1e9, over=3600.0),
    "varh": _Unit("varh"),
    "kvarh": _Unit("varh", times=1e3),
    "V": _Unit("V"),
    "mV": _Unit("V", over=1e3),
    "kV": _Unit("V", times=1e3),
    "A": _Unit("A"),
    "mA": _Unit("A", over=1e3),
    "Hz": _Unit("Hz"),
    "mHz": _Unit("Hz", over=1e3),
    "%": _Unit("%"),
    "1": _Unit("1"),
    "l": _Unit("l"),
    "dm3": _Unit("l"),
    "m3": _Unit("l", times=1e3),
    "ml": _Unit("l", over=1e3),
    "l/h": _Unit("l/h"),
    "m3/h": _Unit("l/h", times=1e3),
    "degC": _Unit("degC"),
    "K": _Unit("degC", offset=-273.15),
    "degF": _Unit("degC", times=5.0, over=9.0, offset=-32.0 * 5.0 / 9.0),
    "bar": _Unit("bar"),
    "hPa": _Unit("bar", over=1e3),
    "m/s": _Unit("m/s"),
    "km/h": _Unit("m/s", over=3.6),
    "W/m2": _Unit("W/m2"),
    "kW/m2": _Unit("W/m2", times=1e3),
    "lx": _Unit("lx"),
    "s": _Unit("s"),
    "min": _Unit("s", times=60.0),
    "h": _Unit("s", times=3600.0),
    "g/kWh": _Unit("g/kWh"),
    "kg/MWh": _Unit("g/kWh"),
    "t/MWh": _Unit("g/kWh", times=1e3),
    # 1 µct/Wh = 0.001 ct/kWh.
    "uct/Wh": _Unit("uct/Wh"),
    "ct/kWh": _Unit("uct/Wh", times=1e3),
    "EUR/kWh": _Unit("uct/Wh", times=1e5),
    "EUR/MWh": _Unit("uct/Wh", times=1e2),
}
_OTHER_NAMES = {
    "": "1",
    "Kwh": "kWh",
    "KWh": "kWh",
    "kwh": "kWh",
    "wh": "Wh",
    "WH": "Wh",
    "KW": "kW",
    "kw": "kW",
    "w": "W",
    "v": "V",
    "a": "A",
    "hz": "Hz",
    "m³": "m3",
    "m^3": "m3",
    "dm³": "dm3",
    "L": "l",
    "°C": "degC",
    "C": "degC",
    "°F": "degF",
    "percent": "%",
    "kVAr": "kvar",
    "VAr": "var",
    "VAR": "var",
    "W/m²": "W/m2",
    "µct/Wh": "uct/Wh",
    "μct/Wh": "uct/Wh",
    "gCO2/kWh": "g/kWh",
    "€/kWh": "EUR/kWh",
    "€/MWh": "EUR/MWh",
}


def units_known() -> list[str]:
    """Every unit that is accepted, in order."""
    return sorted(_UNITS)


def _unit(name: str) -> _Unit:
    cleaned = name.strip()
    found = _UNITS.get(_OTHER_NAMES.get(cleaned, cleaned))
    if found is None:
        raise UnknownUnit(f"{name!r} is not a known unit; accepted are {', '.join(units_known())}.")
    return found


def canonical(unit: str) -> str:
    """The unit in which values of this one are kept."""
    return _unit(unit).canonical


def convert(values: npt.ArrayLike, from_unit: str, to_unit: str) -> Floats:
    """Values in another unit of the same quantity; kWh with three decimals become exact Wh."""
    found = np.asarray(values, np.float64)
    source, target = _unit(from_unit), _unit(to_unit)
    if source.canonical != target.canonical:
        like = sorted(name for name, unit in _UNITS.items() if unit.canonical == target.canonical)
        raise UnknownUnit(f"{from_unit} cannot be turned into {to_unit}; accepted are {', '.join(like)}.")
    if source == target:
        return found
    times, over = source.times * target.over, source.over * target.times
    offset = (source.offset - target.offset) * target.over / target.times
    scaled = found * (times / over) if times >= over else found / (over / times)
    if times > over and float(times / over).is_integer():
        # 1.001 kWh is 1001 Wh, not 1000.9999999999999: take back what the decimal point's move added.
        scaled = np.where(np.abs(scaled) < 1e9, np.round(scaled, 6), scaled)
    return np.asarray(scaled + offset if offset else scaled)
