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

EXAMPLES: dict[str, Example] = {}
