"""The power-flow picture: which lines move, which way, how fast, and the sentence that sums it up."""

from __future__ import annotations

from dataclasses import dataclass

IDLE_W = 5.0  # less than this is noise of a meter, and the line rests
LEVELS_W = (50, 150, 400, 900, 1_800, 3_500, 7_000)


@dataclass(frozen=True)
class Flow:
    """One line of the picture: its colour, the size of its power and whether it runs towards the home."""

    name: str
    key: str
    watts: float | None
    inward: bool

    @property
    def level(self) -> int:
        """How fast the line moves: 0 rests, 8 is the fastest."""
        if self.watts is None or self.watts < IDLE_W:
            return 0
        return 1 + sum(self.watts >= limit for limit in LEVELS_W)

    @property
    def measured(self) -> bool:
        """Whether there is a figure at all."""
        return self.watts is not None


@dataclass(frozen=True)
class Powers:
    """Signed powers from the home's bus bar: into the home is positive; `None` is not measured."""

    sun: float | None
    wind: float | None
    battery: float | None
    grid: float | None
    home: float | None


def flows(powers: Powers) -> dict[str, Flow]:
    """Return the lines of the picture by name."""
    imports = powers.grid is None or powers.grid >= 0
    return {
        "sun": Flow("sun", "sun", _size(powers.sun), inward=True),
        "wind": Flow("wind", "sun", _size(powers.wind), inward=True),
        "battery": Flow("battery", "battery", _size(powers.battery), inward=(powers.battery or 0) >= 0),
        "grid": Flow("grid", "grid-import" if imports else "grid-export", _size(powers.grid), inward=imports),
    }


def _size(watts: float | None) -> float | None:
    return None if watts is None else abs(watts)


def headline(powers: Powers) -> str:
    """Return the name of the sentence that says where the power comes from; `static/js/flow.js` says the same."""
    if powers.home is None and powers.grid is None:
        return "none"
    made = (powers.sun or 0) + (powers.wind or 0)
    battery, grid = powers.battery or 0, powers.grid or 0
    idle = 5 * IDLE_W
    if made > idle and grid <= idle:
        if grid < -idle:
            return "made-export"
        return "made-charge" if battery < -idle else "made"
    if made > idle:
        return "made-part"
    if battery > idle:
        return "battery" if grid <= idle else "battery-part"
    return "grid-export" if grid < -idle else "grid"
