"""Every command that reaches MongoDB, and what the server says of how it would run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import monitoring

READS = ("find", "aggregate", "count", "distinct")
# A list that somebody waits for is not sorted in memory either; an export or a task may sort what it needs whole.
WRONG_ANYWHERE = {"COLLSCAN", "$lookup"}
WRONG = WRONG_ANYWHERE | {"SORT", "$sort"}
WRITES = {"update": "updates", "delete": "deletes"}
_NO_PART = ("lsid", "$db", "$clusterTime", "txnNumber", "autocommit", "startTransaction", "readConcern", "ordered",
            "writeConcern", "$readPreference", "maxTimeMS", "cursor", "bypassDocumentValidation")  # fmt: skip


class Watch(monitoring.CommandListener):
    """Keeps one command of each shape, with the place it was first asked for."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.on = False
        self.place = ""
        self.seen: dict[str, tuple[str, dict[str, Any]]] = {}

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Watch what is asked for here."""
        self.on, self.place = True, place
        try:
            yield
        finally:
            self.on = False

    def started(self, event: Any) -> None:
        """Keep what is worth explaining."""
        if not self.on or event.database_name in {"admin", "config", "local"}:
            return
        for command in _parts(event.command_name, event.command):
            self.seen.setdefault(repr(_shape(command)), (self.place, command))

    def succeeded(self, event: Any) -> None:
        """Nothing to be kept."""

    def failed(self, event: Any) -> None:
        """Nothing to be kept."""

    def findings(self, database: Any) -> list[str]:
        """Let the server explain each command; tell those that read or sort more than they have to."""
        self.on = False
        found = []
        # Bounds of an index can be times beyond what Python has.
        options = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
        for place, command in self.seen.values():
            explained = database.command("explain", command, verbosity="queryPlanner", codec_options=options)
            wrong = sorted(_stages(explained) & (WRONG if place.startswith("GET") else WRONG_ANYWHERE))
            if wrong:
                collection = next(iter(command.values()))
                found.append(f"{collection} {','.join(wrong)} at {place}: {_asked(command)}")
        return sorted(found)


def _parts(name: str, command: Any) -> list[dict[str, Any]]:
    """Return what can be explained of a command: itself, or each of its writes."""
    plain = {key: value for key, value in command.items() if key not in _NO_PART}
    if name in READS:
        return [plain | ({"cursor": {}} if name == "aggregate" else {})]
    if name in WRITES:
        key = WRITES[name]
        return [{name: command[name], key: [one]} for one in command[key]]
    return []


def _shape(value: Any, depth: int = 0) -> Any:
    """Return a command without its values, but with its names."""
    if isinstance(value, dict) or hasattr(value, "items"):
        keep = ("find", "aggregate", "count", "distinct", "update", "delete", "key", "limit", "$limit")
        return [(key, one if key in keep else _shape(one, depth + 1)) for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        kinds = [_shape(one, depth + 1) for one in value]
        return sorted({repr(kind) for kind in kinds})
    return value if isinstance(value, str) and value.startswith("$") else type(value).__name__


def _stages(explained: Any) -> set[str]:
    """Collect the names of all stages of winning plans."""
    names: set[str] = set()
    if isinstance(explained, dict):
        for key, value in explained.items():
            if key in {"rejectedPlans", "command", "serverInfo", "serverParameters"}:
                continue
            if key == "stage":
                names.add(value)
            elif key in {"$sort", "$lookup"}:
                names.add(key)
            names |= _stages(value)
    elif isinstance(explained, (list, tuple)):
        for one in explained:
            names |= _stages(one)
    return names


def _asked(command: dict[str, Any]) -> str:
    return " ".join(f"{key}={str(value)[:300]}" for key, value in list(command.items())[1:3])
