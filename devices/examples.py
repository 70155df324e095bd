"""One example of each call of the devices' API and of ingest, by the name of the operation."""

from __future__ import annotations

from myhouse.api.description import Example, Parameter
from myhouse.api.examples import HOUSEHOLD, MEASUREMENT, POINT

_DEVICE_ID = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e11"
_QUESTION_ID = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e12"
_KEY = "q0ZJt3b9lq1Vw8u0mK5n7c2Xr6Yh4Td9aEo1Si3Pf0g"

PARAMETERS: dict[str, Parameter] = {
    "device_id": Parameter("A device of your households, from `GET devices`.", _DEVICE_ID),
    "question_id": Parameter("An open question, from the device it is about.", _QUESTION_ID),
    "slot": Parameter("Which of the two keys.", "primary"),
}
_DEVICE = {
    "id": _DEVICE_ID,
    "household": HOUSEHOLD,
    "name": "Kitchen meter",
    "kind": "http",
    "external_id": "kitchen-1",
    "model": "",
    "period_s": 10,
    "enabled": True,
    "simulated": False,
    "seen_at": "2026-11-21T09:12:04.310Z",
    "silent_since": None,
    "last_error": "",
    "keys": [{"slot": "primary", "hint": "Pf0g", "created_at": "2026-11-20T08:00:00.000Z"}],
    "channels": [{"name": "power", "quantity": "Power", "metering_point": "Kitchen"}],
    "swap_questions": [
        {"id": _QUESTION_ID, "value_before": 81_240.0, "value_after": 12.0, "at": "2026-11-21T07:00:00.000Z"}
    ],
}
_NEW_DEVICE = {
    "household": HOUSEHOLD,
    "metering_point": POINT,
    "name": "Kitchen meter",
    "kind": "http",
    "external_id": "kitchen-1",
}
_NEVER_HEARD = {**_DEVICE, "seen_at": None, "channels": [], "swap_questions": []}
_PACKET = {
    "version": 1,
    "property": "home",
    "reading_ts": 1_795_240_560_000,
    "device_id": "kitchen-1",
    "resource": "electricity",
    "points": [{"name": "power", "value": 0.42, "unit": "kW"}],
}
_COLUMNS = {
    "version": 1,
    "series": {"power": {"start": 1_795_240_560_000, "step": 10_000, "values": [420.0, 431.5], "unit": "W"}},
}
_TELEGRAM = "/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(261121101204W)\r\n1-0:1.7.0(00.420*kW)\r\n!8A1F\r\n"

EXAMPLES: dict[str, Example] = {
    "devices_list": Example(query={"household": HOUSEHOLD}, answer={"results": [_DEVICE], "next_cursor": None}),
    "devices_create": Example(body=_NEW_DEVICE, answer={**_NEVER_HEARD, "key": _KEY}),
    "devices_retrieve": Example(answer=_DEVICE),
    "devices_partial_update": Example(body={"enabled": False}, answer={**_DEVICE, "enabled": False}),
    "devices_keys_create": Example(answer={"slot": "secondary", "key": _KEY}),
    "devices_channels_create": Example(
        body={"name": "power", "metering_point": POINT, "quantity": "power"},
        answer={"name": "power", "measurement": MEASUREMENT},
    ),
    "devices_swap_questions_create": Example(body={"answer": "swap"}, answer={"id": _QUESTION_ID, "answer": "swap"}),
    "ingest_packets": Example(body=_PACKET, answer={"accepted": 1, "ignored": []}),
    "ingest_columns": Example(body=_COLUMNS, answer={"accepted": 2, "ignored": []}),
    "ingest_p1": Example(body=_TELEGRAM, answer={"accepted": 1, "ignored": []}),
}
