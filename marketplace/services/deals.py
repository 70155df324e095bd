"""The accounts of a purchase, found with few queries while nothing is locked yet."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from marketplace.models import Account
from marketplace.models.ledger import Asset, OwnerKind
from marketplace.services.ledger import ISSUING_STRIPES, HouseholdAccounts, account_open
from myhouse.documents.rows import rows_find
from myhouse.models import Community


def accounts_of_deal(
    *, households: Sequence[uuid.UUID], community_id: uuid.UUID, issued: Asset | None, for_id: uuid.UUID, now: datetime
) -> tuple[dict[uuid.UUID, HouseholdAccounts], Account | None]:
    """Return the households' accounts and the issuing one of an asset; two queries while all of them exist."""
    stripe = for_id.int % ISSUING_STRIPES
    keys = [(owner, asset) for owner in households for asset in Asset]
    rows = rows_find(Account, owner_id__in=households, community_id=community_id, owner_kind=OwnerKind.HOUSEHOLD)
    if issued is not None:
        keys.append((community_id, issued))
        rows += rows_find(
            Account,
            owner_id=community_id,
            asset=issued,
            community_id=community_id,
            owner_kind=OwnerKind.ISSUING,
            stripe=stripe,
        )
    found = {(account.owner_id, Asset(account.asset)): account for account in rows}
    if missing := [key for key in keys if key not in found]:
        community = Community.objects.get(pk=community_id)
        for owner, asset in missing:
            kind = OwnerKind.ISSUING if owner == community_id else OwnerKind.HOUSEHOLD
            found[owner, asset] = account_open(
                community=community,
                owner_kind=kind,
                owner_id=owner,
                asset=asset,
                now=now,
                stripe=stripe if owner == community_id else 0,
            )
    both = {owner: HouseholdAccounts(found[owner, Asset.MONEY], found[owner, Asset.ENERGY]) for owner in households}
    return both, None if issued is None else found[community_id, issued]
