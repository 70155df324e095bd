"""One example of each call of the devices' API, by the name of the operation."""

from __future__ import annotations

from myhouse.api.description import Example, Parameter

PARAMETERS: dict[str, Parameter] = {}
EXAMPLES: dict[str, Example] = {}
