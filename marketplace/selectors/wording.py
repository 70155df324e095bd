"""What a movement is called on the account it touches, and who is on its other side."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.models import Account, Entry, Transfer
from marketplace.models.ledger import Asset, OwnerKind, TransferKind

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# By cause and kind: the words where the balance falls or is held, and where it rises or is freed.
_TITLES: dict[tuple[str, str], tuple[_StrPromise, _StrPromise]] = {
    ("trade", TransferKind.MOVE): (gettext_lazy("Energy bought"), gettext_lazy("Energy sold")),
    ("trade", TransferKind.RESERVE): (gettext_lazy("Reserved for a purchase"),) * 2,
    ("trade", TransferKind.POST): (gettext_lazy("Purchase paid from the reservation"), gettext_lazy("Energy sold")),
    ("trade", TransferKind.RELEASE): (gettext_lazy("Rest of a reservation released"),) * 2,
    ("trade", TransferKind.REVERSE): (gettext_lazy("Sale taken back"), gettext_lazy("Purchase taken back")),
    ("use", TransferKind.MOVE): (gettext_lazy("Used at home"),) * 2,
    ("use", TransferKind.REVERSE): (gettext_lazy("Use taken back"),) * 2,
    ("deposit", TransferKind.MOVE): (gettext_lazy("Deposit"),) * 2,
    ("payout", TransferKind.RESERVE): (gettext_lazy("Payout asked for"),) * 2,
    ("payout", TransferKind.POST): (gettext_lazy("Paid out"),) * 2,
    ("payout", TransferKind.RELEASE): (gettext_lazy("Payout not made, amount released"),) * 2,
    ("opening", TransferKind.MOVE): (gettext_lazy("Opening balance"),) * 2,
}
# A claim on energy comes and goes the other way round: what rises was bought.
_ENERGY_TITLES: dict[tuple[str, str], tuple[_StrPromise, _StrPromise]] = {
    ("trade", TransferKind.MOVE): (gettext_lazy("Energy bought"),) * 2,
    ("trade", TransferKind.REVERSE): (gettext_lazy("Purchase taken back"),) * 2,
}
_OUTSIDE: dict[str, _StrPromise] = {
    "deposit": gettext_lazy("Bank"),
    "payout": gettext_lazy("Bank"),
    "use": gettext_lazy("Own meter"),
}


def movement_title(*, entry: Entry, transfer: Transfer) -> str:
    """Return in the reader's language what this was for the account."""
    where = (transfer.cause, transfer.kind)
    pair = _ENERGY_TITLES.get(where) if transfer.asset == Asset.ENERGY else None
    pair = pair or _TITLES.get(where)
    if pair is None:
        return str(transfer.get_kind_display())
    rises = entry.balance_change > 0 or entry.reserved_change < 0 == entry.balance_change
    return str(pair[rises])


def counterpart_name(*, other: Account, cause: str, neighbours: dict[uuid.UUID, str], community: str) -> str:
    """Return who is on the other side: a neighbour by the name he shows, or the outside world by its part in it."""
    if other.owner_kind == OwnerKind.HOUSEHOLD:
        return neighbours[other.owner_id]
    if other.owner_kind == OwnerKind.SUPPLIER:
        return _("Supplier")
    return str(_OUTSIDE.get(cause, community))
