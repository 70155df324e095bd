"""The demo community: simulated homes, so that every page has something to show.

`demo_fill` fills an empty installation, `demo_catch_up` closes the gap after a pause; both are safe to repeat.
"""

from config.demo.fill import (
    UnableToFillError,
    demo_catch_up,
    demo_fill,
    demo_recall,
    demo_spec,
    market_step,
    references_extend,
)
from config.demo.logins import demo_logins

__all__ = [
    "UnableToFillError",
    "demo_catch_up",
    "demo_fill",
    "demo_logins",
    "demo_recall",
    "demo_spec",
    "market_step",
    "references_extend",
]
