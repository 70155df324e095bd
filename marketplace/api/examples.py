"""One example of each call of the marketplace's API, by the name of the operation."""

from __future__ import annotations

from typing import Any

from myhouse.api.description import Example, Parameter
from myhouse.api.examples import HOUSEHOLD

_COMMUNITY = "01990b5e-7d10-7b2e-a6a4-91c3f7d05b12"
_OFFER_ID = "01990b64-1f3a-7e58-b1c7-5d90ab3e6f21"
_TRADE_ID = "01990b66-8c02-7a91-9f44-e1b7d2036a58"
_ACCOUNT_ID = "01990b5f-0b6e-7d25-8a1c-47f3e9b6c0d4"
_TRANSFER_ID = "01990b66-8c05-7d3e-a2f1-70c4b8e91d36"
_ORDER_ID = "01990b70-2d4f-7c13-b9e8-0f6a5c71d832"


_STORED: dict[str, Any] = {
    "id": _OFFER_ID,
    "kind": "stored",
    "state": "open",
    "seller": "Anna Berg",
    "own": False,
    "energy_wh": 4_000,
    "left_wh": 2_500,
    "deliverable_wh": 2_500,
    "currency": "EUR",
    "total": "0.88",
    "left_total": "0.55",
    "price_per_kwh": "0.22",
    "supplier_price_per_kwh": "0.319",
    "saving": "0.2475",
    "window": None,
    "closes_at": None,
    "version": 1,
    "created_at": "2026-11-21T09:12:04.310Z",
    "changed_at": "2026-11-21T09:12:04.310Z",
}
_SURPLUS = {
    **_STORED,
    "id": "01990b65-77d0-7f0c-8d2b-3c1e94a7b605",
    "kind": "window",
    "seller": "Neighbour 7F3C",
    "energy_wh": 6_000,
    "left_wh": 6_000,
    "deliverable_wh": 6_000,
    "total": "1.08",
    "left_total": "1.08",
    "price_per_kwh": "0.18",
    "saving": "0.834",
    "window": {"start": "2026-11-22T10:00:00.000Z", "end": "2026-11-22T13:00:00.000Z"},
    "closes_at": "2026-11-22T10:00:00.000Z",
}
# What a household sees of an offer of its own: nothing to save by it.
_OWN = {
    **_STORED,
    "own": True,
    "left_wh": 4_000,
    "deliverable_wh": 4_000,
    "left_total": "0.88",
    "saving": None,
}
_NEW_OFFER_WINDOW = {
    "kind": "window",
    "energy_wh": 6_000,
    "total": "1.08",
    "currency": "EUR",
    "window": {"start": "2026-11-22T10:00:00Z", "end": "2026-11-22T13:00:00Z"},
}
_OFFER_CHANGED = {
    **_OWN,
    "total": "0.80",
    "left_total": "0.80",
    "price_per_kwh": "0.20",
    "version": 2,
    "changed_at": "2026-11-21T09:20:31.007Z",
}

_TRADE: dict[str, Any] = {
    "id": _TRADE_ID,
    "offer": _OFFER_ID,
    "side": "bought",
    "counterpart": "Anna Berg",
    "kind": "stored",
    "state": "done",
    "energy_wh": 1_500,
    "delivered_wh": 1_500,
    "currency": "EUR",
    "total": "0.33",
    "price_per_kwh": "0.22",
    "paid": "0.33",
    "refunded": "0.00",
    "window": None,
    "bought_at": "2026-11-21T09:30:12.664Z",
    "settled_at": "2026-11-21T09:30:12.664Z",
    "reversed_at": None,
    "reason": "",
}
_TRADE_WHOLE = {
    **_TRADE,
    "allocations": [
        {
            "start": "2026-11-21T09:45:00.000Z",
            "side": "import",
            "energy_wh": 210,
            "money": "0.0462",
            "alternative": "0.06699",
        }
    ],
    "transfers": [
        {
            "id": _TRANSFER_ID,
            "kind": "move",
            "asset": "money",
            "amount": "0.33",
            "at": "2026-11-21T09:30:12.664Z",
        },
        {
            "id": "01990b66-8c05-7d3e-a2f1-70c4b8e91d37",
            "kind": "move",
            "asset": "energy",
            "amount": 1_500,
            "at": "2026-11-21T09:30:12.664Z",
        },
    ],
}

_ACCOUNT = {
    "id": _ACCOUNT_ID,
    "asset": "money",
    "community": _COMMUNITY,
    "currency": "EUR",
    "balance": "49.67",
    "reserved": "1.08",
    "available": "48.59",
    "opened_at": "2026-10-01T08:00:00.000Z",
}
_ENERGY_ACCOUNT = {
    **_ACCOUNT,
    "id": "01990b5f-0b6e-7d25-8a1c-47f3e9b6c0d5",
    "asset": "energy",
    "currency": None,
    "balance": 1_290,
    "reserved": 0,
    "available": 1_290,
}
_BALANCE = {
    "community": _COMMUNITY,
    "currency": "EUR",
    "balance": "49.67",
    "reserved": "1.08",
    "available": "48.59",
    "energy_wh": 1_290,
    "accounts": [_ACCOUNT, _ENERGY_ACCOUNT],
}
_BOUGHT = {
    "number": 2,
    "at": "2026-11-21T09:30:12.664Z",
    "kind": "move",
    "title": "Energy bought",
    "counterpart": "Anna Berg",
    "balance_change": "-0.33",
    "reserved_change": "0.00",
    "balance_after": "49.67",
    "reserved_after": "0.00",
    "cause": "trade",
    "cause_id": _TRADE_ID,
    "transfer": _TRANSFER_ID,
    "note": "",
}
_ENTRIES = {
    "account": _ACCOUNT_ID,
    "asset": "money",
    "currency": "EUR",
    "results": [
        _BOUGHT,
        {
            "number": 1,
            "at": "2026-10-02T07:41:55.120Z",
            "kind": "move",
            "title": "Deposit",
            "counterpart": "Sonnenhof",
            "balance_change": "50.00",
            "reserved_change": "0.00",
            "balance_after": "50.00",
            "reserved_after": "0.00",
            "cause": "deposit",
            "cause_id": _ORDER_ID,
            "transfer": "01990b70-91aa-7b60-8e57-d2f40c6b3a19",
            "note": "",
        },
    ],
    "next_cursor": None,
}

_ORDER: dict[str, Any] = {
    "id": _ORDER_ID,
    "direction": "deposit",
    "state": "requested",
    "amount": "50.00",
    "currency": "EUR",
    "reference": "MH-7K3Q-92XD",
    "note": "",
    "reason": "",
    "requested_at": "2026-10-01T18:22:09.481Z",
    "decided_at": None,
}

_SELLABLE = {
    "stored_wh": 7_200,
    "stored_free_wh": 3_200,
    "refreshed_at": "2026-11-21T09:10:00.000Z",
    "slots": [{"start": "2026-11-22T10:00:00.000Z", "expected_wh": 540, "free_wh": 40}],
}
_USAGE = {
    "start": "2026-11-20T23:00:00.000Z",
    "end": "2026-11-21T23:00:00.000Z",
    "own": {"energy_wh": 3_410, "paid": "0.00"},
    "battery": {"energy_wh": 1_880, "paid": "0.00"},
    "neighbours": {"energy_wh": 210, "paid": "0.0462"},
    "supplier": {"energy_wh": 2_950, "paid": "1.27105"},
    "sold": {"energy_wh": 0, "earned": "0.00"},
    "fed_in": {"energy_wh": 4_120, "earned": "0.334544"},
    "saving": "2.08829",
}
_ENERGY_SOURCES = {
    "household": HOUSEHOLD,
    "unit": "day",
    "start": "2026-11-21",
    "end": "2026-11-22",
    "step": "day",
    "zone": "Europe/Berlin",
    "currency": "EUR",
    "provisional": True,
    "total": _USAGE,
    "buckets": [_USAGE],
}
_SAVED = {
    "traded_wh": 412_300,
    "paid": "86.583",
    "buyers_saved": "44.9407",
    "sellers_gained": "53.1867",
    "saved": "98.1274",
}
_SAVINGS = {
    "community": _COMMUNITY,
    "name": "Sonnenhof",
    "currency": "EUR",
    "unit": "month",
    "start": "2026-11-01",
    "end": "2026-12-01",
    "step": "month",
    **_SAVED,
    "buckets": [{"start": "2026-10-31T23:00:00.000Z", "end": "2026-11-30T23:00:00.000Z", **_SAVED}],
}
_MARKET = {
    "community": _COMMUNITY,
    "name": "Sonnenhof",
    "currency": "EUR",
    "open_offers": 9,
    "offered_wh": 31_400,
    "cheapest_per_kwh": "0.18",
    "trades_today": 12,
    "traded_today_wh": 18_250,
}
_EVENTS = (
    "retry: 2000\n"
    "id: 1795253412664-0\n"
    "event: hello\n"
    f'data: {{"at":"2026-11-21T09:30:12.664Z","household":"{HOUSEHOLD}","community":"{_COMMUNITY}","currency":"EUR",'
    '"readings":true,"market":true,"heartbeat_s":15}\n\n'
    "id: 1795253420112-1\n"
    "event: readings\n"
    'data: {"at":"2026-11-21T09:30:20.112Z","readings":[{"measurement":"01990b5e-a4c7-7d02-9e66-b8f13c0a7d44",'
    '"time":"2026-11-21T09:30:20.000Z","value":412.5}]}\n\n'
    "id: 1795253431907-2\n"
    "event: trade\n"
    f'data: {{"at":"2026-11-21T09:30:31.907Z","id":"{_TRADE_ID}","offer_id":"{_OFFER_ID}","event":"bought",'
    '"energy_wh":1500,"total":"0.33","currency":"EUR","delivered_wh":1500,"refunded":"0.00"}\n\n'
    ": still here\n\n"
)

PARAMETERS: dict[str, Parameter] = {
    "offer_id": Parameter("An open offer of the community, or one of yours.", _OFFER_ID),
    "trade_id": Parameter("A trade of the household.", _TRADE_ID),
    "account_id": Parameter("An account, from `GET households/<id>/accounts`.", _ACCOUNT_ID),
    "transfer_id": Parameter("A movement, from `GET households/<id>/accounts/<id>/entries`.", _TRANSFER_ID),
    "order_id": Parameter("A deposit or payout of the household.", _ORDER_ID),
}
EXAMPLES: dict[str, Example] = {
    "households_offers_list": Example({"results": [_SURPLUS, _STORED], "next_cursor": None}),
    "households_offers_create": Example({**_SURPLUS, "own": True, "saving": None}, body=_NEW_OFFER_WINDOW),
    "households_own_offers_list": Example({"results": [_OWN], "next_cursor": None}),
    "households_offers_retrieve": Example(_STORED),
    "households_offers_partial_update": Example(_OFFER_CHANGED, body={"version": 1, "total": "0.80"}),
    "households_offers_destroy": Example({**_OWN, "state": "withdrawn", "deliverable_wh": 0}),
    "households_offers_price": Example(
        {"energy_wh": 1_500, "currency": "EUR", "total": "0.33", "supplier_total": "0.4785", "version": 1},
        query={"energy_wh": 1_500},
    ),
    "households_offers_purchases_create": Example(_TRADE, body={"energy_wh": 1_500, "version": 1}),
    "households_trades_list": Example({"results": [_TRADE], "next_cursor": None}),
    "households_trades_retrieve": Example(_TRADE_WHOLE),
    "households_accounts_list": Example(_BALANCE),
    "households_accounts_entries_list": Example(_ENTRIES),
    "households_accounts_entries_retrieve": Example(
        {
            **_BOUGHT,
            "account": _ACCOUNT_ID,
            "asset": "money",
            "currency": "EUR",
            "trade": _TRADE_ID,
            "cash_order": None,
            "allocations": [],
            "related": [
                {
                    "transfer": "01990b66-8c05-7d3e-a2f1-70c4b8e91d37",
                    "kind": "move",
                    "title": "Energy bought",
                    "at": "2026-11-21T09:30:12.664Z",
                }
            ],
        }
    ),
    "households_accounts_export": Example(
        "Number,Time,What,With,Change (EUR),Change of what is reserved (EUR),Balance (EUR),Reserved (EUR),Note,"
        "Transfer\r\n"
    ),
    "households_cash_orders_list": Example({"results": [_ORDER]}),
    "households_cash_orders_create": Example(_ORDER, body={"direction": "deposit", "amount": "50.00"}),
    "households_cash_orders_retrieve": Example(
        {**_ORDER, "state": "confirmed", "decided_at": "2026-10-02T07:41:55.120Z"}
    ),
    "households_cash_orders_destroy": Example(
        {**_ORDER, "state": "cancelled", "decided_at": "2026-10-01T18:30:00.000Z"}
    ),
    "households_sellable_retrieve": Example(_SELLABLE),
    "households_energy_sources_list": Example(_ENERGY_SOURCES),
    "households_market_retrieve": Example(_MARKET),
    "households_community_savings_list": Example(_SAVINGS),
    "households_events": Example(_EVENTS),
}
