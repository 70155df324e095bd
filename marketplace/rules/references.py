"""What a bank transfer names: short, in letters and digits that nobody takes for one another."""

from __future__ import annotations

from collections.abc import Callable

# Without 0 O, 1 I L, 2 Z, 5 S, 8 B, U V: what is read aloud or from paper.
SIGNS = "34679ACDEFGHJKMNPQRTWXY"
_LENGTH = 8


def reference_make(choose: Callable[[str], str]) -> str:
    """Return a reference such as MH-4K7P-X9CD; `choose` picks one sign of a text."""
    signs = "".join(choose(SIGNS) for _place in range(_LENGTH))
    return f"MH-{signs[:4]}-{signs[4:]}"
