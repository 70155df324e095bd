"""DataPackets (version 1): one, a list, or one per line; the same model as `datapacket.thrift`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from django.utils.translation import gettext as _

from devices.ingest.refusals import Refusal
from devices.ingest.routes import Member, Route
from devices.intake import FEW, UNSAID, Row, Rows, Sheet, sheet_of
from myhouse.errors import FieldError
from telemetry.model import Quality
from telemetry.units import UnknownUnit, convert

VERSION = 1
POINTS_AT_MOST = 20_000
QUALITIES = {quality.name.lower(): int(quality) for quality in Quality}
Moment = Annotated[int, msgspec.Meta(ge=0, le=9_999_999_999_999)]


class Point(msgspec.Struct, forbid_unknown_fields=True):
    """One value of a packet, in its own unit."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    value: float
    unit: Annotated[str, msgspec.Meta(max_length=16)]
    quality: Literal["measured", "estimated", "substituted", "suspect", "simulated"] | None = None


class Packet(msgspec.Struct, forbid_unknown_fields=True):
    """What a device read at one moment; `property` is the sender's name of the home and is not interpreted."""

    version: int
    property: Annotated[str, msgspec.Meta(max_length=80)]
    reading_ts: Moment
    device_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    points: Annotated[list[Point], msgspec.Meta(min_length=1, max_length=1_000)]
    sensor_ts: Moment | None = None
    resource: Literal["electricity", "water", "weather", "pv", "heat", "gas"] | None = None


class _Versioned(msgspec.Struct):
    version: int


_one: msgspec.json.Decoder[Packet] = msgspec.json.Decoder(Packet)
_many: msgspec.json.Decoder[list[Packet]] = msgspec.json.Decoder(list[Packet])
_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>[^`]+)`")


@dataclass(slots=True)
class Reading:
    """What reading a request gave: what to store, what was left out and why, what may be opened."""

    found: Rows | Sheet
    ignored: list[FieldError] = field(default_factory=list)
    to_open: dict[tuple[str, str], int] = field(default_factory=dict)
    """(external id, quantity) → first time: bound when they are sent, and then the request is read again."""


def packets_read(*, body: bytes, content_type: str, route: Route) -> Reading:
    """Decode, resolve and convert a request's packets; refuses the whole request with every fault found."""
    packets, prefix = packets_decode(body=body, content_type=content_type)
    if sum(len(packet.points) for packet in packets) > POINTS_AT_MOST:
        raise Refusal(413, _("Send at most %(limit)s points in one request.") % {"limit": POINTS_AT_MOST})
    return _Reader(route, prefix).read(packets)


def packets_decode(*, body: bytes, content_type: str) -> tuple[list[Packet], str]:
    """Return the packets and how their errors are addressed: `packets[{}].` or nothing for a single one."""
    lines = content_type.startswith(("application/x-ndjson", "application/ndjson", "application/jsonl"))
    single = not lines and body.lstrip()[:1] != b"["
    root = "" if single else "packets"
    try:
        if lines:
            return _one.decode_lines(body), "packets[{}]."
        if single:
            return [_one.decode(body)], ""
        return _many.decode(body), "packets[{}]."
    except msgspec.DecodeError as error:
        raise _unreadable(error, body=body, root=root) from None


def unreadable(error: msgspec.DecodeError, *, root: str) -> Refusal:
    """Return what a decoder found wrong as a refusal that names the field."""
    if not isinstance(error, msgspec.ValidationError):
        message = _("The body is not valid JSON: %(why)s") % {"why": error}
        return Refusal(400, message, field=root or "body")
    found = _PATH.match(str(error))
    message = found["message"] if found else str(error)
    path = (found["path"] if found else None) or "$"
    named = _MISSING.match(message)
    if named:
        path += f".{named['name']}"
    place = path.replace("$", root, 1).lstrip(".") or "body"
    return Refusal(422, f"{place}: {message}", errors=[FieldError(place, message)])


def _unreadable(error: msgspec.DecodeError, *, body: bytes, root: str) -> Refusal:
    """Name an unknown version before anything else: a later version may look different throughout."""
    try:
        version = msgspec.json.decode(body, type=_Versioned).version
    except (msgspec.DecodeError, RecursionError):
        return unreadable(error, root=root)
    return _wrong_version(version, "version") if version != VERSION else unreadable(error, root=root)


def _wrong_version(version: int, place: str) -> Refusal:
    message = _("Version %(version)s is not known here: send version %(known)s.") % {
        "version": version,
        "known": VERSION,
    }
    return Refusal(422, f"{place}: {message}", field=place)


def rows_or_sheet(rows: Rows) -> Rows | Sheet:
    """Return many readings in columns, few as they are."""
    return rows if len(rows) <= FEW else sheet_of(rows)


class _Reader:
    """Turns packets into a sheet, noting faults on the way."""

    def __init__(self, route: Route, prefix: str) -> None:
        self.route = route
        self.prefix = prefix
        self.errors: list[FieldError] = []
        self.ignored: list[FieldError] = []
        self.to_open: dict[tuple[str, str], int] = {}
        self.rows: list[Row] = []
        self.places: list[tuple[int, int]] = []

    def read(self, packets: list[Packet]) -> Reading:
        """Read all packets; raises when any of them is at fault."""
        for number, packet in enumerate(packets):
            place = self.prefix.format(number)
            if packet.version != VERSION:
                raise _wrong_version(packet.version, f"{place}version")
            member = self.route.members.get(packet.device_id)
            if member is None:
                message = _("This key may not write for this device: send the id it is registered with.")
                self.errors.append(FieldError(f"{place}device_id", message))
                continue
            for order, point in enumerate(packet.points):
                self._point(member, packet, point, (number, order))
        if self.errors:
            raise Refusal(422, _("Nothing was stored: correct these fields."), errors=self.errors[:20])
        return Reading(rows_or_sheet(Rows(self.rows, self._place)), self.ignored, self.to_open)

    def _point(self, member: Member, packet: Packet, point: Point, place: tuple[int, int]) -> None:
        target = member.targets.get(point.name)
        if target is None:
            self._unbound(member, packet, point, place)
            return
        value = point.value
        if point.unit != target.unit:
            try:
                value = float(convert(value, point.unit, target.unit))
            except UnknownUnit as error:
                self.errors.append(FieldError(f"{self._at(place)}.unit", str(error)))
                return
        quality = UNSAID if point.quality is None else QUALITIES[point.quality]
        self.rows.append(Row(target, packet.reading_ts, value, quality))
        self.places.append(place)

    def _unbound(self, member: Member, packet: Packet, point: Point, place: tuple[int, int]) -> None:
        if point.name in member.openable:
            key = (member.external_id, point.name)
            self.to_open[key] = min(self.to_open.get(key, packet.reading_ts), packet.reading_ts)
        message = _("No channel of the device is bound to this name: bind it on the device's page, or leave it out.")
        self.ignored.append(FieldError(f"{self._at(place)}.name", message))

    def _at(self, place: tuple[int, int]) -> str:
        return f"{self.prefix.format(place[0])}points[{place[1]}]"

    def _place(self, row: int, part: str) -> str:
        if part == "time":
            return f"{self.prefix.format(self.places[row][0])}reading_ts"
        return f"{self._at(self.places[row])}.{part}"
