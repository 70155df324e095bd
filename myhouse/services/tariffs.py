"""A household's supplier contracts: one per direction at any time, with dates; a change re-prices what it covers."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.base import FOREVER_DATE
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, UnableTo
from myhouse.models import Household, SupplierContract
from myhouse.models.tariffs import Direction
from myhouse.tariffs.errors import UnableToReadTerms
from myhouse.tariffs.terms import terms_read, terms_write

CONTRACTS_AT_MOST = 200
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)


class UnableToSaveContract(UnableTo):
    """The contract is not saved: a field is wrong."""


class ContractsOverlapError(UnableToSaveContract):
    """Another contract holds on some of these days, or someone else changed this one meanwhile."""

    kind = Kind.CONFLICT


@atomic
def contract_create(
    *,
    household: Household,
    direction: str,
    supplier_name: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    terms: Any,
    actor: Actor,
    now: datetime,
) -> SupplierContract:
    """Add a contract that holds from `starts_on` until before `ends_on` (nothing: until further notice)."""
    guard("contracts", household.pk)
    contract = SupplierContract(household=household, direction=direction, created_at=now, changed_at=now)
    _fill(contract, supplier_name, name, starts_on, ends_on)
    if SupplierContract.objects.filter(household_id=household.pk).count() >= CONTRACTS_AT_MOST:
        raise UnableToSaveContract(_("A household has at most 200 contracts. Remove an old one first."))
    contract.terms = _checked(contract, terms)
    contract.save(force_insert=True)
    audit_record(actor=actor, action="contract.create", now=now, subject=contract, details=_summary(contract))
    return contract


@atomic
def contract_change(
    *,
    contract: SupplierContract,
    supplier_name: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    terms: Any,
    actor: Actor,
    now: datetime,
    version: int | None = None,
) -> SupplierContract:
    """Change a contract; `version` is the one the editor saw, so that nobody overwrites another's change unseen."""
    guard("contracts", contract.household_id)
    current = SupplierContract.objects.get(pk=contract.pk)
    if version is not None and version != current.version:
        raise ContractsOverlapError(
            _("Someone changed this contract meanwhile. Look at it again, then repeat your change."), field="version"
        )
    before = _summary(current) | {"terms": current.terms}
    _fill(current, supplier_name, name, starts_on, ends_on)
    current.terms = _checked(current, terms)
    current.version += 1
    current.changed_at = now
    current.save()
    audit_record(actor=actor, action="contract.change", now=now, subject=current, details={"before": before})
    return current


@atomic
def contract_remove(*, contract: SupplierContract, actor: Actor, now: datetime) -> None:
    """Remove a contract; its days then have none and no cost is shown for them."""
    details = _summary(contract) | {"terms": contract.terms}
    audit_record(actor=actor, action="contract.remove", now=now, subject=contract, details=details)
    contract.delete()


def contract_check(
    *,
    household: Household,
    direction: str,
    supplier_name: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    terms: Any,
    contract_id: uuid.UUID | None = None,
) -> None:
    """Refuse what could not be saved, and write nothing; for checks while someone types."""
    contract = SupplierContract(household=household, direction=direction)
    _fill(contract, supplier_name, name, starts_on, ends_on)
    if contract_id is not None:
        contract.pk = contract_id
    _checked(contract, terms)


def _fill(contract: SupplierContract, supplier_name: str, name: str, starts_on: date, ends_on: date | None) -> None:
    """Take over names, without stray blanks, and dates; no end is an end far away."""
    contract.supplier_name, contract.name = " ".join(supplier_name.split()), " ".join(name.split())
    contract.starts_on, contract.ends_on = starts_on, ends_on or FOREVER_DATE


def _checked(contract: SupplierContract, terms: Any) -> dict[str, Any]:
    """Return the terms as they are stored, or refuse with every field that is wrong."""
    errors = _field_errors(contract)
    result: dict[str, Any] = {}
    try:
        result = terms_write(terms_read(terms, direction=contract.direction))
    except UnableToReadTerms as error:
        errors.append(FieldError(f"terms.{error.field}", _(error.template) % error.params))
    if errors:
        raise UnableToSaveContract(_("The contract was not saved."), errors=errors)
    _refuse_overlap(contract)
    return result


def _field_errors(contract: SupplierContract) -> list[FieldError]:
    errors = [
        FieldError(field, _("Give it a name of 1 to 80 characters."))
        for field in ("supplier_name", "name")
        if not 1 <= len(getattr(contract, field)) <= 80
    ]
    if contract.direction not in Direction.values:
        errors.append(FieldError("direction", _("Choose import (what you buy) or export (what you feed in).")))
    if not _FIRST_DAY <= contract.starts_on < _LAST_DAY:
        errors.append(FieldError("starts_on", _("Choose a day between 2000-01-01 and 2199-12-31.")))
    if contract.ends_on <= contract.starts_on:
        errors.append(FieldError("ends_on", _("The end is the first day without the contract: choose a later day.")))
    return errors


def _refuse_overlap(contract: SupplierContract) -> None:
    other = (
        SupplierContract.objects.filter(
            household_id=contract.household_id,
            direction=contract.direction,
            starts_on__lt=contract.ends_on,
            ends_on__gt=contract.starts_on,
        )
        .exclude(pk=contract.pk)
        .order_by("starts_on")
        .first()
    )
    if other is None:
        return
    until = _("until further notice")
    if other.ends_on < FOREVER_DATE:
        until = _("until before %(day)s") % {"day": date_format(other.ends_on, "DATE_FORMAT")}
    raise ContractsOverlapError(
        _(
            "“%(contract)s” holds from %(start)s %(until)s already. "
            "End it first, or choose days on which it does not hold."
        )
        % {"contract": str(other), "start": date_format(other.starts_on, "DATE_FORMAT"), "until": until},
        field="starts_on",
    )


def _summary(contract: SupplierContract) -> dict[str, Any]:
    return {
        "household": str(contract.household_id),
        "direction": contract.direction,
        "supplier": contract.supplier_name,
        "name": contract.name,
        "starts_on": contract.starts_on.isoformat(),
        "ends_on": contract.ends_on.isoformat(),
        "version": contract.version,
    }
