"""One example of each call about readings, files, statistics and tariffs, by the name of the operation."""

from __future__ import annotations

from myhouse.api.description import Example, Parameter
from myhouse.api.examples import CONTRACT, HOUSEHOLD, MEASUREMENT, POINT, UPLOAD

PARAMETERS: dict[str, Parameter] = {}
_MADE = "2026-11-21T09:12:04.310Z"
_DAY = {"start": "2026-11-20", "end": "2026-11-21"}
_QUARTER = {"start": "2026-05-20T10:00:00Z", "end": "2026-05-20T10:30:00Z"}
_UPLOAD = {
    "id": UPLOAD,
    "household": HOUSEHOLD,
    "file_name": "grid-operator.csv",
    "size": 1_403_271,
    "state": "received",
    "rows_total": 0,
    "rows_done": 0,
    "share": 0.0,
    "mapping": {},
    "report": {"reasons": {}, "rejections": []},
    "created_at": _MADE,
    "finished_at": None,
}
_RUNNING = {**_UPLOAD, "state": "running", "rows_total": 35_040, "rows_done": 9_216, "share": 0.26}
_MAPPING = {"values": [{"column": 1, "quantity": "import_energy", "kind": "interval", "unit": "kWh", "point": POINT}]}
_ENERGIES = {
    "import_wh": 4_120,
    "export_wh": 9_310,
    "production_wh": 18_240,
    "charge_wh": 5_000,
    "discharge_wh": 4_500,
    "consumption_wh": 12_550,
    "own_use_wh": 8_430,
    "battery_use_wh": 4_500,
    "community_wh": 1_000,
    "supplier_wh": 3_120,
    "sold_wh": 0,
    "cost": "1.2153",
    "income": "0.7448",
    "saving": "3.0211",
    "co2_g": 1_402,
    "covered_quarters": 96,
    "expected_quarters": 96,
    "estimated_quarters": 0,
}
_TOTALS = {
    **_ENERGIES,
    "net": "0.4705",
    "co2_grid_g": 1_185,
    "co2_own_g": 177,
    "co2_community_g": 40,
    "co2_avoided_g": 3_368,
    "self_consumption_rate": 0.462171,
    "self_sufficiency_rate": 0.671713,
}
_PRICES = {"name": "day-ahead-de", "kind": "price", "source": "Entered by hand, demo values", "demo": True}
_STATISTICS = {
    "household": HOUSEHOLD,
    "unit": "day",
    "start": "2026-11-20",
    "end": "2026-11-21",
    "step": "day",
    "zone": "Europe/Berlin",
    "currency": "EUR",
    "provisional": False,
    "estimated_share": 0.0,
    "grid_derived": False,
    "clipped": False,
    "unpriced_quarters": 0,
    "totals": _TOTALS,
    "cost_parts": {"energy": "0.89", "levies": "0.11", "fixed": "0.02", "capacity": "0.00", "vat": "0.1953"},
    "buckets": [
        {**_ENERGIES, "start": "2026-11-19T23:00:00.000Z", "end": "2026-11-20T23:00:00.000Z", "provisional": False}
    ],
    "comparisons": {
        "previous": {
            "start": "2026-11-19",
            "end": "2026-11-20",
            "like_for_like_until": None,
            "known": True,
            "totals": _TOTALS,
            "own_totals": _TOTALS,
        }
    },
    "sub_meters": [
        {
            "metering_point": POINT,
            "name": "Wallbox",
            "parent": None,
            "energy_wh": 3_600,
            "own_wh": 3_600,
            "share": 0.286853,
        }
    ],
    "contract_gaps": [{"direction": "export", "start": "2026-11-01", "end": "2026-11-05"}],
    "sources": [_PRICES],
}
_DAY_CURVE = {
    "day": "2026-11-20",
    "zone": "Europe/Berlin",
    "step_s": 900,
    "starts_ms": [1_795_129_200_000, 1_795_130_100_000],
    "end_ms": 1_795_215_600_000,
    "now_ms": 1_795_252_324_310,
    "home_w": [412.0, 398.5],
    "production_w": [0.0, None],
    "battery_w": [250.0, 250.0],
    "grid_w": [162.0, 148.5],
    "soc_pct": [64.0, 63.2],
    "price_uct_wh": [31_900, 31_900],
    "feed_in_uct_wh": [8_000, 8_000],
    "estimated": [False, False],
    "night": [[1_795_129_200_000, 1_795_157_460_000]],
    "from_quarters": False,
    "sources": [],
}
_FLOW = {
    "at_ms": 1_795_252_324_310,
    "sun_w": 3_120.0,
    "wind_w": None,
    "battery_w": -1_500.0,
    "soc_pct": 71.5,
    "home_w": 640.0,
    "grid_w": -980.0,
    "community_w": 12_400.0,
    "community_homes": 19,
    "price_uct_wh": 31_900,
    "feed_in_uct_wh": 8_000,
    "cost_rate_uct_h": -7_840_000,
    "co2_g_kwh": 312.0,
    "co2_rate_g_h": 0.0,
    "age_s": 4.2,
    "stale_s": 4.2,
    "stale": False,
    "stale_points": [],
    "points": [
        {
            "point_id": POINT,
            "name": "Roof",
            "role": "production",
            "power_w": 3_120.0,
            "at_ms": 1_795_252_320_110,
            "age_s": 4.2,
            "stale": False,
        }
    ],
}
_NEW_CONTRACT = {
    "direction": "import",
    "supplier_name": "Municipal Works",
    "name": "Plain",
    "starts_on": "2026-01-01",
    "ends_on": None,
    "terms": {"price": {"kind": "flat", "uct_per_wh": 31_900}, "vat_per_mille": 190},
}
_CONTRACT = {
    **_NEW_CONTRACT,
    "id": CONTRACT,
    "version": 1,
    "changed_at": _MADE,
}
_NEW_SERIES = {
    "kind": "price",
    "name": "day-ahead-de",
    "source": "Entered by hand, demo values",
    "country": "DE",
}
_SERIES = {**_NEW_SERIES, "demo": True}
_VALUES = {"times": ["2026-05-20T10:00:00.000Z", "2026-05-20T10:15:00.000Z"], "values": [9_120.0, 8_870.0]}

EXAMPLES: dict[str, Example] = {
    "measurements_list": Example(
        query={"limit": 50},
        answer={
            "measurements": [
                {
                    "id": MEASUREMENT,
                    "point": POINT,
                    "point_name": "Grid",
                    "role": "grid",
                    "quantity": "import_energy",
                    "kind": "counter",
                    "unit": "Wh",
                    "simulated": False,
                    "starts_at": "2025-11-21T00:00:00.000Z",
                    "ends_at": None,
                }
            ],
            "next_cursor": None,
        },
    ),
    "latest": Example(
        answer={
            "latest": [
                {
                    "measurement": MEASUREMENT,
                    "quantity": "import_energy",
                    "unit": "Wh",
                    "time": _MADE,
                    "value": 12_345_678.0,
                    "quality": "measured",
                }
            ]
        }
    ),
    "measurement_buckets": Example(
        query={**_DAY, "bucket": "day"},
        answer={
            "measurement": MEASUREMENT,
            "quantity": "import_energy",
            "unit": "Wh",
            "bucket": "day",
            "zone": "Europe/Berlin",
            "simulated": False,
            "buckets": [
                {
                    "start": "2026-11-19T23:00:00.000Z",
                    "covered": 96,
                    "expected": 96,
                    "estimated": 0,
                    "value": 4_120,
                }
            ],
        },
    ),
    "measurement_readings": Example(
        query={**_DAY, "limit": 1_000},
        answer={
            "measurement": MEASUREMENT,
            "quantity": "import_energy",
            "kind": "counter",
            "unit": "Wh",
            "readings": [{"time": "2026-11-19T23:00:00.000Z", "value": 12_341_558.0, "quality": "measured"}],
            "next_cursor": None,
        },
    ),
    "measurement_export": Example(
        query=_DAY, answer="Time,Value (Wh),Quality\r\n2026-11-20 00:00:00,12341558,measured\r\n"
    ),
    "uploads_list": Example(query={"limit": 50}, answer={"uploads": [_UPLOAD], "next_cursor": None}),
    "uploads_create": Example(
        query={"name": "grid-operator.csv"}, body="time,kWh\r\n2026-11-20 00:00,0.103\r\n", answer=_UPLOAD
    ),
    "uploads_read": Example(answer=_RUNNING),
    "uploads_preview": Example(
        body={"mapping": _MAPPING},
        answer={
            "kind": "csv",
            "encoding": "utf-8",
            "delimiter": ",",
            "sheets": [],
            "sheet": "",
            "titles": ["time", "kWh"],
            "first_row": 2,
            "sample": [["2026-11-20 00:00", "0.103"]],
            "time_format": "iso",
            "decimal": ".",
            "mapping": _MAPPING,
            "report": {"accepted": 35_040, "rejected": 0, "reasons": {}, "rejections": []},
            "problems": [],
            "same_as": None,
        },
    ),
    "uploads_start": Example(body={"mapping": _MAPPING}, answer=_RUNNING),
    "uploads_resume": Example(answer=_RUNNING),
    "households_statistics_retrieve": Example(query={"unit": "day", "start": "2026-11-20"}, answer=_STATISTICS),
    "households_statistics_export": Example(
        query={"unit": "month", "start": "2026-11-01"},
        answer="From,Until,Import (Wh)\r\n2026-11-01 00:00:00,2026-11-02 00:00:00,4120\r\n",
    ),
    "households_day_curve_retrieve": Example(query={"day": "2026-11-20", "step": 900}, answer=_DAY_CURVE),
    "households_flow_retrieve": Example(answer=_FLOW),
    "households_contracts_list": Example(answer={"results": [_CONTRACT]}),
    "households_contracts_create": Example(body=_NEW_CONTRACT, answer=_CONTRACT),
    "households_contracts_retrieve": Example(answer=_CONTRACT),
    "households_contracts_update": Example(
        body={**{name: value for name, value in _NEW_CONTRACT.items() if name != "direction"}, "version": 1},
        answer={**_CONTRACT, "version": 2},
    ),
    "reference_series_list": Example(answer={"results": [_SERIES]}),
    "reference_series_create": Example(body={**_NEW_SERIES, "resolution": "quarter"}, answer=_SERIES),
    "reference_series_values_list": Example(query=_QUARTER, answer={**_SERIES, **_VALUES}),
    "reference_series_values_create": Example(body=_VALUES, answer={"accepted": 2}),
}
