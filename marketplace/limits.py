"""How often one member may trade; pages and API count the same tries."""

from __future__ import annotations

import uuid
from datetime import datetime

from myhouse.limits import Limit, limit_hit

PURCHASES = Limit("market-purchase", tries=60, window_s=60)
OFFERS = Limit("market-offer", tries=60, window_s=60)
CASH_ORDERS = Limit("market-cash", tries=30, window_s=3_600)


def trading_count(*, limit: Limit, user_id: uuid.UUID, now: datetime) -> None:
    """Count one try of a member; refuse it when there were too many, saying how long to wait.

    The market goes on while Redis is away: what must not happen the documents themselves refuse.
    """
    limit_hit(limit=limit, subject=user_id.hex, now=now, alone=True)
