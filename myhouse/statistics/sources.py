"""What upper floors tell about where a household's energy came from or went to (settings.ENERGY_SOURCES)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from myhouse.models import Household


@dataclass(frozen=True, eq=False)
class EnergyShare:
    """Part of import (or export) that was not the supplier's: bought from or sold to neighbours.

    Per quarter-hour: energy in µWh (never more than was metered) and the whole µct paid or earned for it.
    """

    name: str
    direction: Literal["import", "export"]
    energy: NDArray[np.int64]
    money_uct: NDArray[np.int64]
    emission_mg_kwh: int = 0


class EnergySource(Protocol):
    """A contribution: named by dotted path, called with the quarter-hours in question."""

    def __call__(self, *, household: Household, starts_ms: NDArray[np.int64]) -> list[EnergyShare]:
        """Return the household's shares at these quarter-hours."""


def shares_of(*, household: Household, starts_ms: NDArray[np.int64]) -> list[EnergyShare]:
    """Ask every contribution."""
    shares: list[EnergyShare] = []
    for path in settings.ENERGY_SOURCES:
        source: EnergySource = import_string(path)
        shares.extend(source(household=household, starts_ms=starts_ms))
    return shares
