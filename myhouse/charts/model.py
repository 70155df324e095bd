"""What a finished chart is: two pictures, a key that doubles as the read-out, and the same data as a table."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layer:
    """One flow over time: its colour (the name of a key), its word and its values; `None` is a gap."""

    key: str
    label: str
    values: list[float | None]


@dataclass(frozen=True)
class Tick:
    """A mark on the time axis at a fraction of the width; a minor one is left out on a phone."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True)
class KeyItem:
    """A line of the key: colour, word, the figure at rest and the table column that replaces it while reading."""

    key: str
    label: str
    value: str
    column: int


@dataclass(frozen=True)
class Row:
    """One line of the table; `at` is where the read-out finds it on the plot, `href` where it opens."""

    at: float
    title: str
    cells: list[str]
    href: str = ""
    note: str = ""

    @property
    def at_text(self) -> str:
        """The place as a machine reads it, whatever the reader's language."""
        return f"{self.at:.4f}"


@dataclass(frozen=True)
class Chart:
    """A chart ready to be placed by `components/chart.html`."""

    name: str
    title: str
    unit: str
    height: int
    axis: str  # SVG: the labels beside the plot
    plot: str  # SVG: everything that spans the width
    keys: list[KeyItem]
    columns: list[str]
    rows: list[Row] = field(default_factory=list)
    at_rest: str = ""  # what the key's figures stand for while nothing is read
    has_estimates: bool = False
    empty: bool = False

    @property
    def cursor_end(self) -> int:
        """How far down the read-out's line reaches: to the time axis."""
        return round(self.height) - 26
