"""Reading columns of numbers as files write them, a whole column at a time."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Thousands only in exact groups: "1.234,5" is a number with a decimal comma, "1.5" is not.
_PATTERNS = {
    ".": re.compile(r"[+-]?(?:(?:\d+|\d{1,3}(?:[,' \u00a0]\d{3})+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII),
    ",": re.compile(r"[+-]?(?:(?:\d+|\d{1,3}(?:[.' \u00a0]\d{3})+)(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?", re.ASCII),
}
# All that a plain number consists of; anything else takes the careful way.
_PLAIN = frozenset("0123456789+-.eE\n ")
_GROUPING = {".": re.compile(r"[,' \u00a0]"), ",": re.compile(r"[.' \u00a0]")}


def numbers_read(cells: list[str], *, decimal: str) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return values, which cells are empty, which are no numbers (both NaN in the values)."""
    fast = _plain(cells, decimal)
    if fast is not None:
        nothing = np.zeros(len(cells), dtype=np.bool_)
        return fast, nothing, nothing.copy()
    values = np.full(len(cells), np.nan)
    empty = np.zeros(len(cells), dtype=np.bool_)
    bad = np.zeros(len(cells), dtype=np.bool_)
    for index, cell in enumerate(cells):
        text = cell.strip()
        if not text:
            empty[index] = True
            continue
        number = number_read(text, decimal=decimal)
        if number is None:
            bad[index] = True
        else:
            values[index] = number
    return values, empty, bad


def number_read(text: str, *, decimal: str) -> float | None:
    """Return the number a cell writes, or None if it is none; NaN and infinity are none."""
    if not _PATTERNS[decimal].fullmatch(text):
        return None
    number = float(_GROUPING[decimal].sub("", text).replace(",", "."))
    return number if np.isfinite(number) else None


def _plain(cells: list[str], decimal: str) -> FloatArray | None:
    """The fast way for columns without empty cells, grouping or anything odd; else None."""
    joined = "\n".join(cells)
    if decimal == ",":
        if "." in joined:
            return None
        joined = joined.replace(",", ".")
    if not _PLAIN.issuperset(joined):
        return None
    parts = joined.split("\n")
    if len(parts) != len(cells):
        return None
    try:
        values = np.array(list(map(float, parts)), dtype=np.float64)
    except ValueError:
        return None
    return values if bool(np.isfinite(values).all()) else None
