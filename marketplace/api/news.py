"""How readings and market news look in the event stream."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from myhouse.api.fields import moment
from myhouse.tariffs.money import money_text


def readings_json(message: Mapping[str, Any]) -> dict[str, Any]:
    """Write values as `live_publish` tells them: {measurement id: {"t": ms, "v": value}}."""
    return {
        "at": _moment(message["at"]),
        "readings": [
            {"measurement": str(uuid.UUID(hex=measurement)), "time": _moment(one["t"]), "value": one["v"]}
            for measurement, one in message["values"].items()
        ],
    }


def news_json(news: Mapping[str, Any], *, currency: str) -> dict[str, Any]:
    """Write market news: times as text, money as decimal strings beside the currency, the rest as it is."""
    plain: dict[str, Any] = {}
    for name, value in news.items():
        if name == "kind":
            continue
        if name == "at":
            plain[name] = _moment(value)
        elif "_uct" in name:
            plain["currency"] = currency
            plain[name.replace("_uct_kwh", "_per_kwh").removesuffix("_uct")] = money_text(value)
        else:
            plain[name] = value
    return plain


def _moment(at_ms: float) -> str | None:
    return moment(datetime.fromtimestamp(at_ms / 1000, UTC))
