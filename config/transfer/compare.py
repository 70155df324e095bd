"""What two installations differ in, by what each of them amounts to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Proof = dict[str, Any]
_SHOWN = 5


def differences(source: Proof, target: Proof) -> list[str]:
    """Say in words what is not the same; nothing if all is."""
    return [*_documents(source, target), *_series(source["series"], target["series"]), *_files(source, target)]


def _documents(source: Proof, target: Proof) -> Iterator[str]:
    one, other = source["documents"], target["documents"]
    for label in sorted({*one, *other}):
        here, there = one.get(label), other.get(label)
        if here is None or there is None:
            yield f"{label} is in one of them only"
        elif here["rows"] != there["rows"]:
            yield f"{label}: {here['rows']:,} rows in the source, {there['rows']:,} in the target"
        elif here["sums"] != there["sums"]:
            name = next(name for name, total in here["sums"].items() if there["sums"].get(name) != total)
            yield f"{label}: {name} adds up to {here['sums'][name]} and {there['sums'].get(name)}"
        elif here["hash"] != there["hash"]:
            yield f"{label}: the contents differ"
    if source["ledger"] != target["ledger"]:
        yield "the ledgers differ"


def _series(source: dict[str, Proof], target: dict[str, Proof]) -> Iterator[str]:
    for key in sorted({*source, *target}):
        here, there = source.get(key), target.get(key)
        if here is None or there is None:
            yield f"series {key} is in one of them only"
        elif here["readings"] != there["readings"]:
            yield f"series {key}: {here['readings']:,} readings in the source, {there['readings']:,} in the target"
        elif (here["facts"], here["hash"]) != (there["facts"], there["hash"]):
            yield f"series {key}: the readings differ"
        elif "quarters" in here and here["quarters"] != there["quarters"]:
            yield f"series {key}: its quarter-hours add up to {here['quarters'][0]} and {there['quarters'][0]}"


def _files(source: Proof, target: Proof) -> Iterator[str]:
    for name in sorted({*source["files"], *target["files"]}):
        if source["files"].get(name) != target["files"].get(name):
            yield f"the file {name} differs"


def differing(found: list[str]) -> str:
    """Return the first differences as one sentence."""
    rest = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + rest
