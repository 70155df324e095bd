"""A contract page's forms taken together: what was typed, the terms it means, and where an error belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from myhouse.documents.base import FOREVER_DATE
from myhouse.models.tariffs import Direction
from myhouse.views.tariff_forms import (
    Amount,
    CapacityForm,
    ContractForm,
    CountryForm,
    DynamicForm,
    FlatForm,
    PeriodForm,
    rows_of,
)

if TYPE_CHECKING:
    from myhouse.errors import UnableTo
    from myhouse.models import SupplierContract


@dataclass
class ContractEditor:
    """All forms of one contract page: what was typed, what it means, and where an error belongs."""

    direction: str
    kind: str
    base: ContractForm
    single: dict[str, forms.Form]
    rows: dict[str, forms.BaseFormSet[Any]]
    troubles: list[tuple[str, str]] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)

    def is_valid(self) -> bool:
        """Whether every form reads; each keeps its own errors."""
        parts: list[Any] = [self.base, *self.single.values(), *self.rows.values()]
        verdicts = [part.is_valid() for part in parts]  # each is asked, so that each shows its errors
        return all(verdicts)

    def fields(self) -> dict[str, Any]:
        """Return what the services take."""
        data = self.base.cleaned_data
        last = data["last_day"]
        return {
            "supplier_name": data["supplier_name"],
            "name": data["name"],
            "starts_on": data["starts_on"],
            "ends_on": last + timedelta(days=1) if last else None,
            "terms": self.terms(),
        }

    def terms(self) -> dict[str, Any]:
        """Return the terms in the form of the rules."""
        terms: dict[str, Any] = {"price": self._price(), "vat_per_mille": self._whole(self.base, "vat") or 0}
        if self.direction == Direction.IMPORT:
            fees, levies = self._filled("fees"), self._filled("levies")
            terms["fees"] = [
                {"name": row.cleaned_data["name"], "uct": self._whole(row, "amount"), "per": row.cleaned_data["per"]}
                for row in fees
            ]
            terms["levies"] = [
                {"name": row.cleaned_data["name"], "uct_per_wh": self._whole(row, "rate")} for row in levies
            ]
            capacity = self.single["capacity"]
            charge = self._whole(capacity, "per_kw")
            if charge:
                terms["capacity"] = {
                    "uct_per_w_month": charge,
                    "minimum_w": capacity.cleaned_data["minimum_w"] or 0,
                }
        return terms

    def _price(self) -> dict[str, Any]:
        if self.kind == "flat":
            return {"kind": "flat", "uct_per_wh": self._whole(self.single["flat"], "price")}
        if self.kind == "dynamic":
            one = self.single["dynamic"]
            factor = self._whole(one, "factor")
            return {
                "kind": "dynamic",
                "reference": one.cleaned_data["reference"],
                "resolution": one.cleaned_data["resolution"],
                "markup_uct_per_wh": self._whole(one, "markup") or 0,
                "factor_per_mille": 1000 if factor is None else factor,
                "cap_uct_per_wh": self._whole(one, "cap"),
                "floor_uct_per_wh": self._whole(one, "floor"),
            }
        if self.kind == "tiers":
            tiers = [
                {"uct_per_wh": self._whole(row, "price"), "up_to_wh": self._whole(row, "up_to")}
                for row in self._filled("tiers")
            ]
            return {"kind": "tiers", "period": self.single["period"].cleaned_data["period"], "tiers": tiers}
        return {"kind": "tou", "country": self.single["country"].cleaned_data["country"], "zones": self._zones()}

    def _zones(self) -> list[dict[str, Any]]:
        """Join rows of the same name and price to zones, and remember where each row went."""
        zones: dict[tuple[str, int], dict[str, Any]] = {}
        for row in self._filled("windows"):
            data = row.cleaned_data
            price = self._whole(row, "price") or 0
            key = (data["zone"], price)
            zone = zones.setdefault(key, {"name": data["zone"], "uct_per_wh": price, "windows": []})
            number = list(zones).index(key)
            path = f"price.zones[{number}].windows[{len(zone['windows'])}]"
            self.places[path] = ("windows", self.rows["windows"].forms.index(row))
            window = {"from": data["since"], "until": data["until"], "days": data["days"], "months": data["months"]}
            zone["windows"].append(window)
        return list(zones.values())

    def _filled(self, name: str) -> list[forms.Form]:
        found = self.rows[name]
        return [row for row in found.forms if row.cleaned_data and not row.cleaned_data.get("DELETE")]

    @staticmethod
    def _whole(form: forms.Form, name: str) -> int | None:
        amount = form.fields[name]
        assert isinstance(amount, Amount)
        return amount.whole(form.cleaned_data.get(name))

    def refuse(self, refusal: UnableTo) -> None:
        """Show a refusal at the field it is about, else above the form."""
        if not refusal.errors:
            self.troubles.append(("", refusal.message))
        for error in refusal.errors:
            self._place(error.field, error.message or refusal.message)

    def _place(self, name: str, message: str) -> None:
        name = {"ends_on": "last_day"}.get(name, name)
        if name in self.base.fields and name != "version":
            self.base.add_error(name, message)
            return
        path = name.removeprefix("terms.")
        simple = {"price.uct_per_wh": ("flat", "price"), "price.reference": ("dynamic", "reference")}
        if path in simple and simple[path][0] in self.single:
            form, key = simple[path]
            self.single[form].add_error(key, message)
            return
        window, _dot, last = path.rpartition(".")
        if window in self.places:
            rows, number = self.places[window]
            self.rows[rows].forms[number].add_error({"from": "since"}.get(last, last), message)
            return
        self.troubles.append((path, message))

    def errors(self) -> list[str]:
        """Return every error as a sentence, for the check beside the form."""
        found = [message for _path, message in self.troubles]
        singles: list[forms.BaseForm] = [self.base, *self.single.values()]
        for form in [*singles, *[row for rows in self.rows.values() for row in rows.forms]]:
            for name, messages in form.errors.items():
                label = form.fields[name].label if name in form.fields else ""
                found += [f"{label}: {message}" if label else str(message) for message in messages]
        return found


def editor_of(
    *,
    direction: str,
    kind: str,
    references: list[str],
    data: QueryDict | None = None,
    contract: SupplierContract | None = None,
    initial: dict[str, Any] | None = None,
) -> ContractEditor:
    """Make the forms of a kind: of what was typed, of a contract, or empty."""
    first: dict[str, Any] = {"base": initial or {}, "rows": {}, "single": {"country": initial}}
    if contract is not None:
        first = _initial(contract)
    single: dict[str, forms.Form] = {}
    rows = ["fees", "levies"] if direction == Direction.IMPORT else []
    if direction == Direction.IMPORT:
        single["capacity"] = CapacityForm(data, prefix="capacity", initial=first["single"].get("capacity"))
    if kind == "flat":
        single["flat"] = FlatForm(data, prefix="flat", initial=first["single"].get("flat"))
    elif kind == "dynamic":
        values = first["single"].get("dynamic")
        single["dynamic"] = DynamicForm(data, prefix="dynamic", initial=values, references=references)
    elif kind == "tiers":
        single["period"] = PeriodForm(data, prefix="period", initial=first["single"].get("period"))
        rows.append("tiers")
    else:
        single["country"] = CountryForm(data, prefix="country", initial=first["single"].get("country"))
        rows.append("windows")
    return ContractEditor(
        direction=direction,
        kind=kind,
        base=ContractForm(data, initial=first["base"]),
        single=single,
        rows={name: rows_of(name, data, first["rows"].get(name, [])) for name in rows},
    )


def _initial(contract: SupplierContract) -> dict[str, Any]:
    """Return what the forms of a stored contract show."""
    terms = contract.terms
    single, rows = _initial_price(terms["price"])
    rows["fees"] = [
        {"name": fee["name"], "amount": Decimal(fee["uct"]) / 100_000_000, "per": fee["per"]}
        for fee in terms.get("fees", ())
    ]
    rows["levies"] = [{"name": levy["name"], "rate": _ct(levy["uct_per_wh"])} for levy in terms.get("levies", ())]
    capacity = terms.get("capacity")
    if capacity:
        per_kw = Decimal(capacity["uct_per_w_month"]) / 100_000
        single["capacity"] = {"per_kw": per_kw, "minimum_w": capacity["minimum_w"]}
    base = {
        "supplier_name": contract.supplier_name,
        "name": contract.name,
        "starts_on": contract.starts_on,
        "last_day": None if contract.ends_on >= FOREVER_DATE else contract.ends_on - timedelta(days=1),
        "vat": Decimal(terms.get("vat_per_mille", 0)) / 10,
        "version": contract.version,
    }
    return {"base": base, "single": single, "rows": rows}


def _initial_price(price: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the form and the rows of the price show."""
    if price["kind"] == "flat":
        return {"flat": {"price": _ct(price["uct_per_wh"])}}, {}
    if price["kind"] == "dynamic":
        shown = {name: _ct(price[f"{name}_uct_per_wh"]) for name in ("markup", "cap", "floor")}
        factor = Decimal(price["factor_per_mille"]) / 10
        return {"dynamic": {**price, **shown, "factor": factor}}, {}
    if price["kind"] == "tiers":
        tiers = [{"up_to": _ct(tier["up_to_wh"]), "price": _ct(tier["uct_per_wh"])} for tier in price["tiers"]]
        return {"period": {"period": price["period"]}}, {"tiers": tiers}
    windows = [
        {
            "zone": zone["name"],
            "price": _ct(zone["uct_per_wh"]),
            "since": window["from"],
            "until": window["until"],
            "days": window["days"],
            "months": ",".join(str(month) for month in window["months"]),
        }
        for zone in price["zones"]
        for window in zone["windows"]
    ]
    return {"country": {"country": price["country"]}}, {"windows": windows}


def _ct(value: int | None) -> Decimal | None:
    """Return µct per Wh as ct/kWh (and Wh as kWh: the same thousand)."""
    return None if value is None else Decimal(value) / 1000
