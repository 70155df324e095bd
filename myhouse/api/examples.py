"""One example of each call of this app's API, by the name of the operation."""

from __future__ import annotations

from myhouse.api.description import Example, Parameter

HOUSEHOLD = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e01"
POINT = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e02"
MEASUREMENT = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e03"
SERIES = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e04"
BATTERY = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e05"
APPLIANCE = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e06"
MEMBERSHIP = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e07"
INVITATION = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e08"
CONTRACT = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e09"
TOKEN = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e0a"  # noqa: S105 an id
UPLOAD = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e0b"
USER = "01978f3c-5a10-7c44-9a31-0d2f6f1b8e0c"

PARAMETERS: dict[str, Parameter] = {
    "household_id": Parameter("A household of yours, from `GET households`.", HOUSEHOLD),
    "point_id": Parameter("A metering point of the household.", POINT),
    "measurement_id": Parameter("A measurement, from `GET households/<id>/measurements`.", MEASUREMENT),
    "battery_id": Parameter("A battery of the household.", BATTERY),
    "appliance_id": Parameter("An appliance of the household.", APPLIANCE),
    "membership_id": Parameter("A membership, from `GET households/<id>/members`.", MEMBERSHIP),
    "invitation_id": Parameter("An open invitation of the household.", INVITATION),
    "contract_id": Parameter("A supplier contract of the household.", CONTRACT),
    "token_id": Parameter("A token, by its id.", TOKEN),
    "upload_id": Parameter("A file handed in.", UPLOAD),
    "form": Parameter("csv or xlsx.", "csv"),
    "name": Parameter("A series, by its name.", "day-ahead-de"),
}

_MADE = "2026-11-21T09:12:04.310Z"
_ME = {
    "id": USER,
    "email": "anna@example.org",
    "name": "Anna Berg",
    "language": "en",
    "theme": "auto",
    "name_shown_to_neighbours": True,
    "created_at": _MADE,
}
_TOKEN = {
    "id": TOKEN,
    "name": "my script",
    "created_at": _MADE,
    "last_used_at": _MADE,
    "expires_at": "2026-11-21T10:12:04.310Z",
}
_NEW_SERVICE = {
    "name": "Heat pump",
    "scopes": ["readings:read", "devices:read"],
    "expires_at": "2027-11-21T00:00:00.000Z",
}
_SERVICE = {**_NEW_SERVICE, "id": TOKEN, "created_at": _MADE, "created_by": "anna@example.org", "last_used_at": None}
_NEW_HOUSEHOLD = {"name": "Garden Street 5", "time_zone": "Europe/Berlin", "currency": "EUR"}
_HOUSEHOLD = {
    **_NEW_HOUSEHOLD,
    "id": HOUSEHOLD,
    "connection_limit_w": 43_000,
    "role": "owner",
    "since": "2025-11-21T09:12:04.310Z",
    "until": None,
}
_MEMBER = {
    "id": MEMBERSHIP,
    "name": "Anna Berg",
    "email": "anna@example.org",
    "role": "owner",
    "since": "2025-11-21T09:12:04.310Z",
    "curves_agreed": False,
}
_NEW_INVITATION = {"role": "viewer", "email": "", "history_shared": True}
_INVITATION = {
    **_NEW_INVITATION,
    "id": INVITATION,
    "created_at": _MADE,
    "expires_at": "2026-11-28T09:12:04.310Z",
}
_BATTERY_TERMS = {"capacity_wh": 10_000, "max_charge_w": 5_000, "max_discharge_w": 5_000}
_BATTERY = {**_BATTERY_TERMS, "id": BATTERY, "metering_point": POINT}
_NEW_POINT = {"role": "battery", "name": "Battery", "parent": None}
_POINT = {**_NEW_POINT, "id": POINT}
_MEASUREMENT = {
    "id": MEASUREMENT,
    "metering_point": POINT,
    "quantity": "import_energy",
    "series_id": SERIES,
    "starts_at": "2025-11-21T00:00:00.000Z",
    "ends_at": None,
}
_NEW_APPLIANCE = {
    "name": "Aquarium",
    "count": 1,
    "rated_power_w": 60,
    "daily_use_minutes": 1_440,
    "metering_point": None,
}
_APPLIANCE = {**_NEW_APPLIANCE, "id": APPLIANCE}
_EXPECTED = {
    "consumption_wh_day": 3_940,
    "production_wh_day": 0,
    "kinds": [
        {
            "kind": "stove",
            "count": 1,
            "consumption_wh_day": 2_500,
            "production_wh_day": 0,
            "basis": "typical",
            "metering_point": None,
        }
    ],
    "own": [{**_APPLIANCE, "expected_wh_day": 1_440, "basis": "rated"}],
}

EXAMPLES: dict[str, Example] = {
    "tokens_create": Example(
        body={"email": "anna@example.org", "password": "correct horse battery", "name": "my script"},
        answer={**_TOKEN, "token": "q0ZJt3b9lq1Vw8u0mK5n7c2Xr6Yh4Td9aEo1Si3Pf0g"},
    ),
    "tokens_list": Example(answer={"results": [_TOKEN]}),
    "me_retrieve": Example(answer=_ME),
    "me_partial_update": Example(body={"theme": "dark"}, answer={**_ME, "theme": "dark"}),
    "households_service_tokens_list": Example(answer={"results": [_SERVICE]}),
    "households_service_tokens_create": Example(
        body=_NEW_SERVICE, answer={**_SERVICE, "token": "mhs_q0ZJt3b9lq1Vw8u0mK5n7c2Xr6Yh4Td9aEo1Si3Pf0g"}
    ),
    "households_list": Example(answer={"results": [_HOUSEHOLD]}),
    "households_create": Example(body=_NEW_HOUSEHOLD, answer=_HOUSEHOLD),
    "households_retrieve": Example(answer={**_HOUSEHOLD, "community": "Sunny Hill"}),
    "households_partial_update": Example(body={"name": "Hill 1"}, answer={**_HOUSEHOLD, "name": "Hill 1"}),
    "households_members_list": Example(answer={"results": [_MEMBER]}),
    "households_members_partial_update": Example(body={"role": "viewer"}, answer={**_MEMBER, "role": "viewer"}),
    "households_invitations_list": Example(answer={"results": [_INVITATION]}),
    "households_invitations_create": Example(
        body=_NEW_INVITATION,
        answer={**_INVITATION, "link": "/join/q0ZJt3b9lq1Vw8u0mK5n7c2Xr6Yh4Td9aEo1Si3Pf0g/"},
    ),
    "invitations_accept_create": Example(
        body={"secret": "q0ZJt3b9lq1Vw8u0mK5n7c2Xr6Yh4Td9aEo1Si3Pf0g"}, answer={**_HOUSEHOLD, "role": "viewer"}
    ),
    "households_metering_points_list": Example(answer={"results": [_POINT]}),
    "households_metering_points_create": Example(body={**_NEW_POINT, "battery": _BATTERY_TERMS}, answer=_POINT),
    "households_metering_points_retrieve": Example(answer=_POINT),
    "households_metering_points_partial_update": Example(
        body={"name": "Cellar battery"}, answer={**_POINT, "name": "Cellar battery"}
    ),
    "households_metering_points_measurements_list": Example(answer={"results": [_MEASUREMENT]}),
    "households_metering_points_measurements_create": Example(
        body={"quantity": "import_energy", "starts_at": "2025-11-21T00:00:00.000Z", "kind": "counter"},
        answer=_MEASUREMENT,
    ),
    "households_batteries_list": Example(answer={"results": [_BATTERY]}),
    "households_batteries_update": Example(body=_BATTERY_TERMS, answer=_BATTERY),
    "households_appliances_list": Example(answer=_EXPECTED),
    "households_appliances_create": Example(body=_NEW_APPLIANCE, answer=_APPLIANCE),
    "households_appliances_partial_update": Example(body={"count": 2}, answer={**_APPLIANCE, "count": 2}),
    "households_appliances_counts_update": Example(body={"stove": 1}, answer=_EXPECTED),
    "households_appliances_meter_update": Example(body={"kind": "stove", "metering_point": POINT}, answer=_EXPECTED),
}
